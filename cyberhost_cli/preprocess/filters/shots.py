"""Shots: where a film is cut, told by a glimpse of every frame."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from cyberhost_cli.config.filters import FiltersConfig
from cyberhost_cli.types import Pixels

DETAIL, SIDE = 64, 16
"""Sides of the picture whose colours are counted, and of the one in which frames are compared place by place."""
SHADES = 4
"""Shades of red, of green and of blue in the histogram."""
BRIEF = 4
"""Frames on either side of a cut that must all differ: flashes are over by then."""
AROUND = 6
"""Frames on either side that tell how much changes anyway."""
FADE = 12
"""Frames on either side across which a fade changes the colours."""
PIECE = 4096

Changes = Float32[np.ndarray, "f"]


@dataclass(frozen=True)
class Glimpses:
    """What is remembered of every frame: less than a kilobyte."""

    thumbnails: UInt8[np.ndarray, "f e"]
    colours: UInt8[np.ndarray, "f d"]
    """Histograms, in 255ths of the picture."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.colours)


@dataclass(frozen=True)
class Shot:
    """Frames from `start` to before `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.stop - self.start


def glimpse(frame: Pixels) -> tuple[UInt8[np.ndarray, "e"], UInt8[np.ndarray, "d"]]:
    """Return the thumbnail and the histogram of a frame."""
    small = Image.fromarray(frame).resize((DETAIL, DETAIL), Image.Resampling.BOX, reducing_gap=1.0)
    shades = np.asarray(small).reshape(-1, 3) // (256 // SHADES)
    counts = np.bincount(shades @ np.array([SHADES * SHADES, SHADES, 1]), minlength=SHADES**3)
    thumbnail = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BOX)).reshape(-1)
    return thumbnail, np.rint(counts * (255 / DETAIL**2)).astype(np.uint8)


def find(glimpses: Glimpses, config: FiltersConfig) -> list[Shot]:
    """Return the shots of a film; frames of a fade belong to none."""
    cuts = _cuts(glimpses, config)
    steady = ~_fades(glimpses, cuts, config)
    starts = steady & (cuts | ~np.concatenate(([False], steady[:-1])))
    stops = steady & np.concatenate((cuts[1:] | ~steady[1:], [True]))
    pairs = zip(np.flatnonzero(starts).tolist(), np.flatnonzero(stops).tolist(), strict=True)
    return [Shot(start, last + 1) for start, last in pairs]


def split(shot: Shot, longest: int) -> list[Shot]:
    """Divide a shot into as few equal parts as are no longer than `longest`."""
    parts = math.ceil(len(shot) / longest)
    bounds = [shot.start + round(len(shot) * part / parts) for part in range(parts + 1)]
    return [Shot(*pair) for pair in pairwise(bounds)]


def lasting_changes(glimpses: Glimpses) -> Changes:
    """Return, for every frame, how much it and those after it differ at least from those before it, 0..1.

    What is there for a moment, as a flash, changes nothing for long.
    """
    lasting = np.full(len(glimpses), np.inf, dtype=np.float32)
    for gap in range(1, 2 * BRIEF):
        apart = _apart(glimpses, gap)
        for before in range(1, BRIEF + 1):
            after = gap - before
            if 0 <= after < BRIEF:
                places = np.arange(before, len(glimpses) - after)
                lasting[places] = np.minimum(lasting[places], apart[places - before])
    lasting[0] = 0
    return lasting


def _cuts(glimpses: Glimpses, config: FiltersConfig) -> Bool[np.ndarray, "f"]:
    """Mark the frames with which something new begins: they differ much, and by far more than neighbours do."""
    lasting = lasting_changes(glimpses)
    steps = np.concatenate((np.zeros(1, dtype=np.float32), _apart(glimpses, 1)))
    around = sliding_window_view(np.pad(steps, AROUND, mode="reflect"), 2 * AROUND + 1)
    # Without the largest two, which may be a flash or another cut.
    usual = np.sort(np.delete(around, AROUND, axis=1), axis=1)[:, :-2].mean(axis=1)
    return (lasting >= config.cut_change) & (lasting >= config.cut_ratio * usual)


def _fades(glimpses: Glimpses, cuts: Bool[np.ndarray, "f"], config: FiltersConfig) -> Bool[np.ndarray, "f"]:
    """Mark the frames on whose sides the colours are others, though no cut is near."""
    recoloured = np.zeros(len(glimpses), dtype=np.float32)
    reach = FADE + BRIEF
    if len(glimpses) > 2 * reach:
        sides = [
            _recoloured(glimpses.colours, 2 * half)[reach - half :][: len(glimpses) - 2 * reach]
            for half in range(FADE, reach)
        ]
        recoloured[reach:-reach] = np.min(sides, axis=0)
    near = np.convolve(cuts, np.ones(2 * reach + 1))[reach:-reach] > 0
    return (recoloured >= config.fade_change) & ~near


def _apart(glimpses: Glimpses, gap: int) -> Float32[np.ndarray, "g"]:
    """Return how much every frame differs from the one `gap` later, 0..1, in its pixels and in its colours."""
    moved = _difference(glimpses.thumbnails, gap) / (255.0 * glimpses.thumbnails.shape[1])
    return (moved + _recoloured(glimpses.colours, gap)) / 2


def _recoloured(colours: UInt8[np.ndarray, "f d"], gap: int) -> Float32[np.ndarray, "g"]:
    """Return the share of the picture that has other colours `gap` frames later."""
    return _difference(colours, gap) / (2 * 255.0)


def _difference(values: UInt8[np.ndarray, "f d"], gap: int) -> Float32[np.ndarray, "g"]:
    """Return by how much all values together are others `gap` frames later."""
    found = np.zeros(max(len(values) - gap, 0), dtype=np.float32)
    # Hours of film in pieces, for differences take twice the memory.
    for start in range(0, len(found), PIECE):
        before = values[:-gap][start : start + PIECE]
        after = values[gap:][start : start + PIECE]
        found[start : start + PIECE] = np.abs(after.astype(np.int16) - before).sum(axis=1)
    return found
