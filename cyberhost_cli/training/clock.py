"""How long a training took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Counts seconds on from `before`, what earlier runs took."""

    def __init__(self, before: float) -> None:
        self._since = time.perf_counter() - before

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._since

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Leave out what the block takes."""
        before = self.seconds
        try:
            yield
        finally:
            self._since = time.perf_counter() - before
