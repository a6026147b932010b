"""Warnings that are told again when the work that told them need not be done again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


class _Notebook(logging.Handler):
    """Writes down every warning."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.notes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.notes.append(record.getMessage())


@contextmanager
def taken(room: str) -> Iterator[list[str]]:
    """Yield a list that every warning of a package, as `cyberhost_cli.preprocess`, comes to within the block."""
    listened, notebook = logging.getLogger(room), _Notebook()
    listened.addHandler(notebook)
    try:
        yield notebook.notes
    finally:
        listened.removeHandler(notebook)


def tell(notes: tuple[str, ...]) -> None:
    """Tell warnings again."""
    for note in notes:
        logger.warning("%s", note)
