"""A block of measured figures: those that do not fit first, with what to do, then the others side by side."""

from collections.abc import Sequence

from PIL import ImageDraw

from cyberhost_cli.preprocess.overlay import ink
from cyberhost_cli.types import Box, Figure

SMALL_LINE = 16
INDENT = 12
COLUMNS = 2
GAP = 16
"""Between columns."""


def draw(pen: ImageDraw.ImageDraw, place: Box, figures: Sequence[Figure]) -> None:
    """List name, value and range of every figure; what the place cannot hold is counted in its last line."""
    bad, good = ([figure for figure in figures if figure.fits is fits] for fits in (False, True))
    last = place.bottom - SMALL_LINE
    y = place.top
    for number, figure in enumerate(bad):
        advice = ink.wrap(f"{figure.meaning.rstrip(',')}: {figure.advice}", place.width - INDENT, ink.SMALL)
        if y + ink.LINE + len(advice) * SMALL_LINE > last:
            _count(pen, (place.left, y), len(figures) - number)
            return
        _row(pen, Box(place.left, y, place.right, place.bottom), figure, ink.PLAIN)
        for line, text in enumerate(advice):
            at = (place.left + INDENT, y + ink.LINE + line * SMALL_LINE)
            ink.write(pen, at, text, ink.WARNING, ink.SMALL)
        y += ink.LINE + len(advice) * SMALL_LINE
    below = min(y + SMALL_LINE / 2, last) if bad else y
    _draw_columns(pen, Box(place.left, below, place.right, last), good)


def _draw_columns(pen: ImageDraw.ImageDraw, place: Box, figures: Sequence[Figure]) -> None:
    """Fill one column after the other, all of one height."""
    rows = min(-(-len(figures) // COLUMNS), max(0, int(place.height / SMALL_LINE)))
    width = (place.width - (COLUMNS - 1) * GAP) / COLUMNS
    for number, figure in enumerate(figures[: rows * COLUMNS]):
        column, row = divmod(number, rows)
        left, top = place.left + column * (width + GAP), place.top + row * SMALL_LINE
        _row(pen, Box(left, top, left + width, place.bottom), figure, ink.SMALL)
    if len(figures) > rows * COLUMNS:
        _count(pen, (place.left, place.top + rows * SMALL_LINE), len(figures) - rows * COLUMNS)


def span(figure: Figure) -> str:
    """Return the range in few letters."""
    if figure.low is not None and figure.high is not None:
        return f"{shown(figure.low)} to {shown(figure.high)}"
    if figure.low is not None:
        return f"from {shown(figure.low)}"
    return "" if figure.high is None else f"to {shown(figure.high)}"


def shown(number: float) -> str:
    """Return three digits, two of small numbers, and whole numbers whole."""
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.{3 if abs(number) >= 0.01 else 2}g}"


def _row(pen: ImageDraw.ImageDraw, place: Box, figure: Figure, size: int) -> None:
    """Write one line: the name from the left, the value up to the middle, the range from there."""
    colour = ink.TEXT if figure.fits else ink.WARNING
    middle = place.left + 0.68 * place.width
    ink.write(pen, (place.left, place.top), figure.name, colour, size)
    ink.write(pen, (middle - 6, place.top), shown(figure.value), colour, size, "ra")
    ink.write(pen, (middle, place.top), span(figure), ink.FAINT if figure.fits else colour, size)


def _count(pen: ImageDraw.ImageDraw, at: tuple[float, float], more: int) -> None:
    ink.write(pen, at, f"and {more} more", ink.FAINT, ink.SMALL)
