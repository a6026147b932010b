"""Ctrl-C and SIGTERM as a question that the training loop answers between two steps."""

import signal
import time
from types import FrameType, TracebackType

ONE = 1.0
"""Seconds in which signals count as one: a terminal sends Ctrl-C to all processes, and `torchrun` hands it on."""


class Interrupt:
    """Within the `with` block the two signals only set `asked`; a second one ends the process as usual."""

    def __init__(self) -> None:
        self.asked = False
        self._first = 0.0
        self._before: dict[signal.Signals, signal.Handlers | int | None] = {}

    def __enter__(self) -> "Interrupt":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.getsignal(number)  # type: ignore[assignment]
            signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.asked:
            self.asked, self._first = True, now
        elif now - self._first > ONE:
            signal.default_int_handler(number, frame)
