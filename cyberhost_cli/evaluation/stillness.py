"""How well background and clothes stay what they are in the reference picture."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32
from PIL import Image, ImageDraw

from cyberhost_cli.evaluation import nets
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, Frames, Keypoints, KeypointTrack, Pixels

EQUAL = 60.0
"""Decibels that count as equal."""
LEAST = 0.005
"""Share of the picture that must be left to compare."""
HAIR = (1.4, 2.2)
"""Half the width and height of head and hair, in distances from the eyes to the chin."""
AROUND, ABOVE, SLEEVE = 0.35, 0.3, 0.25
"""How far the trunk reaches beside and above the shoulders, and an arm beside its bones, in widths of the shoulders."""
CHEST, BELOW = 0.3, 0.15
"""Half the width of the piece of clothes that is compared, and how far it lies below the shoulders, in the same."""
PIECE, ASIDE = 16, 3
"""Pixels of a piece of clothes, and how far it may move beside the shoulders."""


@dataclass(frozen=True)
class Stillness:
    """Decibels; None where there is nothing to compare."""

    background: float | None
    clothes: float | None


def measure(frames: Frames, track: KeypointTrack, picture: Pixels, keypoints: Keypoints) -> Stillness:
    """Compare frames, whose points are in `track`, with the reference `picture` and its `keypoints`.

    Background is what lies outside of head, hair, trunk and arms, clothes are what lies on the breast and not behind
    arms and hands, both in the frame and in the reference. Clothes move with the shoulders, and
    piece by piece a little beside them, since a chest turns and cloth bends.
    """
    before, errors = _Shape(keypoints, picture), (_Error(), _Error())
    for frame, points in zip(frames, track, strict=True):
        now = _Shape(points, picture)
        outside = ~(before.body | now.body)
        apart = frame[outside].astype(np.float32) - picture[outside]
        errors[0].add(float((apart**2).mean(axis=1).sum()), len(apart))
        errors[1].add(*_clothes(frame, now, picture, before))
    least = LEAST * picture[..., 0].size * len(frames)
    return Stillness(*(error.decibels(least) for error in errors))


class _Error:
    """Squared differences so far."""

    def __init__(self) -> None:
        self.total, self.count = 0.0, 0

    def add(self, total: float, count: int) -> None:
        self.total += total
        self.count += count

    def decibels(self, least: float) -> float | None:
        if self.count < least:
            return None
        error = self.total / self.count / 255**2
        return EQUAL if error <= 0 else float(min(EQUAL, -10 * np.log10(error)))


class _Shape:
    """Where a person is in a picture, by the points that are known."""

    def __init__(self, keypoints: Keypoints, picture: Pixels) -> None:
        self._points, self._size = keypoints, picture.shape[:2]
        ends = keypoints[list(nets.SHOULDERS), :2]
        # Seen or not, they are read somewhere; and never so near to each other that nothing is covered.
        self.middle = ends.mean(axis=0)
        self._ends, self._width = ends, max(float(np.hypot(*(ends[0] - ends[1]))), 0.1 * self._size[1])

    def moved_from(self, other: "_Shape") -> tuple[int, int]:
        x, y = np.rint(self.middle - other.middle).astype(int).tolist()
        return x, y

    @cached_property
    def body(self) -> Bool[np.ndarray, "H W"]:
        """Cover all of the person, generously."""
        drawn, reach = _Drawing(self._size), (0.5 + AROUND) * self._width
        self._head(drawn, HAIR[1])
        self._trunk(drawn, reach, -ABOVE * self._width)
        return drawn.mask() | self._arms

    @cached_property
    def clothes(self) -> Bool[np.ndarray, "H W"]:
        """Cover the breast where no hair, arm or hand may be."""
        breast, head = _Drawing(self._size), _Drawing(self._size)
        self._trunk(breast, CHEST * self._width, BELOW * self._width)
        self._head(head, HAIR[0])
        return breast.mask() & ~head.mask() & ~self._arms

    def _trunk(self, drawn: "_Drawing", reach: float, below: float) -> None:
        """Draw what lies so far below the shoulders, to the edge of the picture."""
        x, y = self.middle.tolist()
        drawn.box(x - reach, y + below, x + reach, float(self._size[0]))

    def _head(self, drawn: "_Drawing", down: float) -> None:
        nose, chin = self._points[nets.NOSE, :2], self._points[nets.CHIN, :2]
        eyes = self._points[list(nets.EYES), :2].mean(axis=0)
        unit = float(np.hypot(*(chin - eyes)))
        drawn.ellipse(nose, HAIR[0] * unit, down * unit)

    @cached_property
    def _arms(self) -> Bool[np.ndarray, "H W"]:
        """Draw forearms and hands, and what may be of an arm whose elbow is not seen."""
        drawn, radius = _Drawing(self._size), SLEEVE * self._width
        sides = zip((LEFT_HAND, RIGHT_HAND), nets.ELBOWS, self._ends, strict=True)
        for part, elbow, shoulder in sides:
            hand, bent = self._points[part], self._points[elbow]
            out = np.sign(shoulder[0] - self.middle[0]) * AROUND * self._width
            low = np.array([shoulder[0] + out, self._size[0]], np.float32)
            bend = bent[:2] if bent[2] > 0 else low
            drawn.line(shoulder, bend, radius)
            if (hand[:, 2] > 0).any():
                drawn.line(bend, hand[0, :2], radius)
                for point in hand[hand[:, 2] > 0, :2]:
                    drawn.line(hand[0, :2], point, radius / 2)
        return drawn.mask()


class _Drawing:
    """A mask that shapes are drawn into."""

    def __init__(self, size: tuple[int, ...]) -> None:
        self._mask = Image.new("1", (size[1], size[0]))
        self._pen = ImageDraw.Draw(self._mask)

    def box(self, left: float, top: float, right: float, bottom: float) -> None:
        if right > left and bottom > top:
            self._pen.rectangle((left, top, right, bottom), fill=1)

    def ellipse(self, centre: Float32[np.ndarray, "2"], across: float, down: float) -> None:
        x, y = centre.tolist()
        self._pen.ellipse((x - across, y - down, x + across, y + down), fill=1)

    def line(self, start: Float32[np.ndarray, "2"], end: Float32[np.ndarray, "2"], radius: float) -> None:
        self._pen.line((*start.tolist(), *end.tolist()), fill=1, width=round(2 * radius))
        for point in (start, end):
            self.ellipse(point, radius, radius)

    def mask(self) -> Bool[np.ndarray, "H W"]:
        return np.array(self._mask)


def _clothes(frame: Pixels, now: _Shape, picture: Pixels, before: _Shape) -> tuple[float, int]:
    """Return the error of the clothes, each piece where it is most like the reference near the shoulders' way."""
    x, y = now.moved_from(before)
    height, width = picture.shape[:2]
    rows, columns = now.clothes.nonzero()
    on = before.clothes[(rows - y).clip(0, height - 1), (columns - x).clip(0, width - 1)]
    rows, columns = rows[on], columns[on]
    pieces, found = rows // PIECE * width + columns // PIECE, frame[rows, columns].astype(np.float32)
    errors = []
    for down in range(-ASIDE, ASIDE + 1):
        for right in range(-ASIDE, ASIDE + 1):
            places = (rows - y - down).clip(0, height - 1), (columns - x - right).clip(0, width - 1)
            errors.append(np.bincount(pieces, ((found - picture[places]) ** 2).mean(axis=1)))
    return float(np.min(errors, axis=0).sum()), len(rows)
