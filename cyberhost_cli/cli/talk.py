"""All that is said on stderr, so that stdout holds results alone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer


def say(text: str) -> None:
    """Print a line to stderr."""
    typer.echo(" ".join(text.split()), err=True)


def fail(message: str, hint: str) -> None:
    """Tell what went wrong and what to do, one line each."""
    say(f"error: {message}")
    say(f"hint: {hint}")


class _Speaker(logging.Handler):
    """Says what lower rooms log."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "warning: " if record.levelno >= logging.WARNING else ""
        say(prefix + record.getMessage())


@contextmanager
def heard() -> Iterator[None]:
    """Say what lower rooms log within the block, from information upwards."""
    logger, speaker = logging.getLogger("cyberhost_cli"), _Speaker()
    logger.addHandler(speaker)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(speaker)
