"""Discs, bars and ellipses painted on frames, antialiased."""

from typing import Literal

import numpy as np
from jaxtyping import Float32, Int, UInt8

Colour = tuple[int, int, int]
Colours = Float32[np.ndarray, "k 3"]
Form = Literal["bar", "ellipse"]
"""How a shape reaches from one end to the other: with one width and round ends, or tapered towards both."""
Ends = Float32[np.ndarray, "k 2 2"]
"""x, y of both ends of `k` shapes."""

NEAR = 1e-3
"""Ends that lie closer than this, in pixels, are one point."""


class Canvas:
    """Frames that are painted on.

    A pixel takes a shape's colour by the share of it that the shape covers, judged by the distance of its middle from
    the shape's edge.
    """

    def __init__(self, frames: UInt8[np.ndarray, "f H W 3"]) -> None:
        self.frames = frames
        self._shares = np.zeros(frames[..., 0].size, dtype=np.float32)

    def paint(
        self, owners: Int[np.ndarray, "k"], ends: Ends, radius: float, colour: Colour | Colours, form: Form
    ) -> None:
        """Paint `k` shapes, each on the frame that owns it; where they overlap the larger share counts.

        They have one colour, or each its own where no frame owns two. `radius` is half of the width, in pixels. A bar
        whose ends are one point is a disc.
        """
        if len(ends) == 0:
            return
        shapes, places, shares = self._cover(owners, ends, radius, form)
        np.maximum.at(self._shares, places, shares)
        share = self._shares[places, None]
        self._shares[places] = 0
        pixels = self.frames.reshape(-1, 3)
        inks = np.broadcast_to(np.asarray(colour, dtype=np.float32), (len(ends), 3))[shapes]
        pixels[places] = np.rint(pixels[places] * (1 - share) + inks * share)

    def _cover(
        self, owners: Int[np.ndarray, "k"], ends: Ends, radius: float, form: Form
    ) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
        """Return which shapes cover which pixels and by which share."""
        height, width = self.frames.shape[1:3]
        middle, half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
        length = np.hypot(half[:, 0], half[:, 1])
        half[length < NEAR] = (0, NEAR)
        direction = half / np.maximum(length, NEAR)[:, None]
        rows, columns = _around(middle, direction, length, radius + 1, (height, width))
        (x, y), (right, down) = middle.T[:, :, None, None], direction.T[:, :, None, None]
        aside, below = columns + np.float32(0.5) - x, rows + np.float32(0.5) - y
        along, across = np.abs(aside * right + below * down), np.abs(aside * down - below * right)
        shares = (_bar if form == "bar" else _ellipse)(along, across, length[:, None, None], radius)
        seen = (shares > 0) & (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        shapes = seen.nonzero()[0]
        places = (owners[shapes] * height + rows[seen].astype(np.intp)) * width + columns[seen].astype(np.intp)
        return shapes, places, shares[seen]


def _around(
    middle: Float32[np.ndarray, "k 2"],
    direction: Float32[np.ndarray, "k 2"],
    length: Float32[np.ndarray, "k"],
    radius: float,
    size: tuple[int, int],
) -> tuple[Float32[np.ndarray, "k l c"], Float32[np.ndarray, "k l c"]]:
    """Return rows and columns of the pixels within `radius` of a shape's axis, and some more.

    They come in lines across the shape, so that a slanted one has no more of them: `l` lines, which are rows where it
    is steep and columns where it is flat, of `c` pixels each. Some lie outside the picture.
    """
    flat = np.abs(direction[:, 0]) > np.abs(direction[:, 1])
    (x, y), (right, down) = middle.T, direction.T
    start, towards = np.where(flat, (x, right), (y, down))
    beside, aside = np.where(flat, (y, down), (x, right))
    reach = length * np.abs(towards) + radius * (np.abs(towards) + np.abs(aside))
    last = np.where(flat, size[1], size[0]).astype(np.float32)
    low = np.floor(np.clip(start - reach, 0, last))
    high = np.ceil(np.clip(start + reach, 0, last))
    lines = low[:, None] + np.arange((high - low).max(), dtype=np.float32)
    axis = beside[:, None] + (lines + np.float32(0.5) - start[:, None]) * (aside / towards)[:, None]
    reach = radius / np.abs(towards)
    cells = np.floor(axis - reach[:, None])[:, :, None] + np.arange(np.ceil(2 * reach.max()) + 1, dtype=np.float32)
    lines, cells = np.broadcast_arrays(lines[:, :, None], cells)
    flat = flat[:, None, None]
    return np.where(flat, cells, lines), np.where(flat, lines, cells)


def _bar(
    along: Float32[np.ndarray, "k l c"],
    across: Float32[np.ndarray, "k l c"],
    length: Float32[np.ndarray, "k 1 1"],
    radius: float,
) -> Float32[np.ndarray, "k l c"]:
    """Return how much of a pixel's width lies in the bar; one thinner than a pixel never fills it."""
    distance = np.hypot(np.maximum(along - length, 0), across)
    inside = np.minimum(distance + 0.5, radius) - np.maximum(distance - 0.5, -radius)
    shares: np.ndarray = np.clip(inside, 0, 1, dtype=np.float32)
    return shares


def _ellipse(
    along: Float32[np.ndarray, "k l c"],
    across: Float32[np.ndarray, "k l c"],
    length: Float32[np.ndarray, "k 1 1"],
    radius: float,
) -> Float32[np.ndarray, "k l c"]:
    """Return the share of a pixel by its distance from the ellipse's edge, which is its level over its slope there."""
    length, across = np.maximum(length, NEAR), np.maximum(across, NEAR)
    level = np.hypot(along / length, across / radius)
    slope = np.hypot(along / length**2, across / radius**2)
    shares: np.ndarray = np.clip(0.5 + level * (1 - level) / slope, 0, 1, dtype=np.float32)
    return shares
