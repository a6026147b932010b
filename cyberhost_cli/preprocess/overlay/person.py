"""The reference, with all that was found in it drawn over it."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from cyberhost_cli.preprocess import clarity, regions, skeleton
from cyberhost_cli.preprocess.overlay import ink
from cyberhost_cli.types import Box, Keypoints, Pixels, PreparedReference

SMALLEST = 512
"""Smaller references are enlarged to at least this height."""
MOVEMENT_TINT, REGION_TINT = 0.35, 0.3
"""Strength of the colour over what a map covers fully."""
LINE_WIDTH = 2
GAP = 4.0
"""Between a box and its name, in pixels."""

Mark = tuple[str, Box, ink.Colour]
"""A name of one or more lines, the rectangle that it belongs to, their colour."""


def enlargement(height: int) -> int:
    """Return how many times larger a reference is shown."""
    return max(1, -(-SMALLEST // height))


def hand_notes(reference: PreparedReference, clarity_half: float | None) -> tuple[str, str]:
    """Tell how clear the left and the right hand are; the score wants the half that belongs to the weights."""
    notes = []
    for side, deviation in zip(("left", "right"), reference.deviation.tolist(), strict=True):
        score = "" if clarity_half is None else f"\nclarity {clarity.score(deviation, clarity_half):.2f}"
        notes.append(f"{side} hand{score}\nsharpness {deviation:.1f}")
    return notes[0], notes[1]


class Panel:
    """A reference over which poses can be drawn, one after the other."""

    def __init__(self, reference: PreparedReference, grid: tuple[int, int], movement: bool = True) -> None:
        """Enlarge the reference; `grid` are the rows and columns of the model's latents."""
        self._height, self._width = reference.picture.shape[:2]
        self._grid = grid
        self.scale = enlargement(self._height)
        self._backdrop = Image.fromarray(reference.picture).resize(self._size, Image.Resampling.LANCZOS)
        self._reach = None
        if movement and reference.movement.any():
            self._reach = _bounds(reference.movement)
            share = (reference.movement * MOVEMENT_TINT).astype(np.uint8)
            self._tint(self._backdrop, share, ink.MOVEMENT, Image.Resampling.BILINEAR)

    @property
    def _size(self) -> tuple[int, int]:
        return self._width * self.scale, self._height * self.scale

    def draw(self, keypoints: Keypoints, notes: tuple[str, str]) -> Pixels:
        """Draw masks, skeleton, boxes and what is to be said of the left and the right hand."""
        face, hands = regions.face_box(keypoints), regions.hand_boxes(keypoints)
        picture = self._backdrop.copy()
        self._cover(picture, [face], ink.FACE)
        self._cover(picture, list(hands), ink.HANDS)
        scaled = keypoints * np.array([self.scale, self.scale, 1], dtype=np.float32)
        canvas = Image.fromarray(skeleton.draw_on(np.array(picture), scaled))
        marks = [("movement", self._reach, ink.MOVEMENT), ("face", face, ink.FACE)]
        marks += [(note, hand, ink.HANDS) for note, hand in zip(notes, hands, strict=True)]
        _draw_marks(
            ImageDraw.Draw(canvas),
            self._size,
            [(text, _scaled(box, self.scale), colour) for text, box, colour in marks if box is not None],
        )
        return np.array(canvas)

    def _cover(self, picture: Image.Image, boxes: list[Box | None], colour: ink.Colour) -> None:
        """Tint the cells of the latent grid as far as the boxes cover them."""
        shares = regions.mask(boxes, self._height, self._width, self._grid)
        share = (shares * (REGION_TINT * 255)).astype(np.uint8)
        self._tint(picture, share, colour, Image.Resampling.NEAREST)

    def _tint(
        self, picture: Image.Image, share: UInt8[np.ndarray, "h w"], colour: ink.Colour, how: Image.Resampling
    ) -> None:
        """Mix as much of a colour in as `share` says, of 255."""
        picture.paste(colour, mask=Image.fromarray(share).resize(self._size, how))


def _bounds(drawn: UInt8[np.ndarray, "H W"]) -> Box:
    """Return the rectangle of all that is not black."""
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _scaled(box: Box, scale: int) -> Box:
    return Box(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale)


def _draw_marks(pen: ImageDraw.ImageDraw, size: tuple[int, int], marks: list[Mark]) -> None:
    """Draw all rectangles, then all names, so that no line runs through a name and no name over another."""
    for _, box, colour in marks:
        pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), outline=colour, width=LINE_WIDTH)
    taken: list[Box] = []
    for text, box, colour in marks:
        place = _free(box, text.split("\n"), size, taken)
        taken.append(place)
        for number, line in enumerate(text.split("\n")):
            ink.write(pen, (place.left, place.top + number * ink.LINE), line, colour, outline=ink.OUTLINE)


def _free(box: Box, lines: list[str], size: tuple[int, int], taken: list[Box]) -> Box:
    """Return a place for a name above, below or beside its box; the first where there is room, else the first."""
    width, height = max(ink.length(line, ink.PLAIN) for line in lines), len(lines) * ink.LINE
    right, bottom = max(GAP, size[0] - GAP - width), max(GAP, size[1] - GAP - height)
    corners = (
        (box.left, box.top - height - GAP),
        (box.left, box.bottom + GAP),
        (box.right + GAP, box.top),
        (box.left - width - GAP, box.top),
    )
    inside = [(min(max(x, GAP), right), min(max(y, GAP), bottom)) for x, y in corners]
    places = [Box(x, y, x + width, y + height) for x, y in inside]
    return next((place for place in places if not any(_meet(place, other) for other in taken)), places[0])


def _meet(one: Box, other: Box) -> bool:
    across = one.left < other.right and other.left < one.right
    return across and one.top < other.bottom and other.top < one.bottom
