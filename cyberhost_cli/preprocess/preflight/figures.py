"""What is said of figures that do not fit."""

import logging
from collections.abc import Iterable

from cyberhost_cli.errors import InputError
from cyberhost_cli.types import Figure

logger = logging.getLogger(__name__)


def tell(figures: Iterable[Figure], strict: bool) -> None:
    """Warn of every figure that does not fit.

    Raises:
        InputError: some do not, and `strict` forbids it.
    """
    misfits = [figure for figure in figures if not figure.fits]
    if misfits and strict:
        advice = "; ".join(dict.fromkeys(figure.advice for figure in misfits))
        raise InputError("; ".join(map(_finding, misfits)), f"{advice}; or leave `--strict` out")
    for figure in misfits:
        logger.warning("%s: %s", _finding(figure), figure.advice)


def _finding(figure: Figure) -> str:
    low = figure.low if figure.low is not None and figure.value < figure.low else None
    wanted = f"at most {_shown(figure.high)}" if low is None else f"at least {_shown(low)}"
    return f"{figure.meaning} is {_shown(figure.value)}, expected {wanted} (`{figure.name}`)"


def _shown(number: float | None) -> str:
    """Return three digits, but whole numbers whole."""
    return f"{number:.0f}" if number is not None and abs(number) >= 100 else f"{number:.3g}"
