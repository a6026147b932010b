"""Why a piece of a film is not fit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong with a piece."""

    reason: str
    """One of few words, by which reports count."""
    detail: str
    """What was found and what was expected."""
