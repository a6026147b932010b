"""Small pictures of what the model gets, each under its name."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from cyberhost_cli.preprocess.overlay import ink
from cyberhost_cli.types import PreparedReference

CAPTION = 20
"""Height of a name above its picture."""
GAP = 8
COLUMNS, ROWS = 2, 3
LARGEST = 220
"""Sides of tiles are at most this long."""


@dataclass(frozen=True)
class Tile:
    """One small picture."""

    name: str
    picture: Image.Image
    note: str


def of_reference(reference: PreparedReference) -> list[Tile]:
    """Return all that the model gets of the person."""
    wanted = [f"wanted clarity {value:.2f}" for value in reference.clarity.tolist()]
    hands = [
        Tile(f"{side} hand", Image.fromarray(crop), text if crop.any() else "not seen")
        for side, crop, text in zip(("left", "right"), reference.hands, wanted, strict=True)
    ]
    height, width = reference.picture.shape[:2]
    return [
        Tile("face", Image.fromarray(reference.face), ""),
        Tile("picture", Image.fromarray(reference.picture), f"{width}x{height}"),
        hands[0],
        Tile("skeleton", Image.fromarray(reference.skeleton), ""),
        hands[1],
        Tile("body movement map", Image.fromarray(reference.movement).convert("RGB"), ""),
    ]


def side(height: int) -> int:
    """Return the side of tiles whose rows fill a height."""
    return min(LARGEST, (height - (ROWS - 1) * GAP) // ROWS - CAPTION)


def width(height: int) -> int:
    """Return the width of all columns."""
    return COLUMNS * side(height) + (COLUMNS - 1) * GAP


def draw(canvas: Image.Image, at: tuple[int, int], height: int, tiles: Sequence[Tile]) -> None:
    """Put tiles into rows from `at` (left, top) on."""
    pen, edge = ImageDraw.Draw(canvas), side(height)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        left, top = at[0] + column * (edge + GAP), at[1] + row * (edge + CAPTION + GAP)
        ink.write(pen, (left, top), tile.name, ink.FAINT)
        pen.rectangle((left, top + CAPTION, left + edge - 1, top + CAPTION + edge - 1), fill=ink.EMPTY)
        fitted = _fit(tile.picture, edge)
        canvas.paste(fitted, (left + (edge - fitted.width) // 2, top + CAPTION + (edge - fitted.height) // 2))
        foot = (left + edge / 2, top + CAPTION + edge - 4)
        ink.write(pen, foot, tile.note, size=ink.SMALL, anchor="md", outline=ink.OUTLINE)


def _fit(picture: Image.Image, edge: int) -> Image.Image:
    scale = edge / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Enlarged as they are: a smooth picture would hide how few pixels the model gets.
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
