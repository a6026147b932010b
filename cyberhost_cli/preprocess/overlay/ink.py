"""Colours and letters of every overlay."""

from functools import cache

from PIL import ImageDraw, ImageFont

Colour = tuple[int, int, int]
Place = tuple[int | float, int | float]

PAPER: Colour = (22, 22, 26)
EMPTY: Colour = (40, 40, 46)
"""Where there is nothing to show."""
TEXT: Colour = (228, 228, 228)
FAINT: Colour = (150, 150, 158)
WARNING: Colour = (255, 150, 40)
FACE: Colour = (255, 255, 255)
HANDS: Colour = (255, 90, 255)
MOVEMENT: Colour = (0, 255, 0)
PLAYHEAD: Colour = (255, 255, 0)

SMALL, PLAIN, LARGE = 12, 14, 16
"""Heights of letters in pixels."""
LINE = 18
"""From one line of plain text to the next, in pixels."""


OUTLINE = 2
"""Pixels around letters that stand over a picture."""


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the letters that come with Pillow."""
    return ImageFont.load_default(size)


def write(
    pen: ImageDraw.ImageDraw,
    at: Place,
    text: str,
    colour: Colour = TEXT,
    size: int = PLAIN,
    anchor: str = "la",
    outline: int = 0,
) -> None:
    """Write one line; `anchor` as Pillow's, a dark `outline` makes it readable over any picture."""
    pen.text(at, text, colour, font(size), anchor, stroke_width=outline, stroke_fill=(0, 0, 0))


def length(text: str, size: int) -> float:
    """Return the width of a line in pixels."""
    return font(size).getlength(text)


def wrap(text: str, width: float, size: int) -> list[str]:
    """Break a text into lines that are at most `width` pixels wide, or one word."""
    lines: list[str] = []
    for word in text.split():
        if lines and length(f"{lines[-1]} {word}", size) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines
