"""Puppet: the person in a picture, carried to where shoulders, face and hands of another pose are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex128, Float32, Float64
from PIL import Image

from cyberhost_cli.preprocess import movement, regions
from cyberhost_cli.preprocess.cutouts import cut_out
from cyberhost_cli.types import FACE, Frames, Keypoints, KeypointTrack, Pixels

HEAD = slice(FACE.start + 17, FACE.start + 48)
"""Brows, nose and eyes: they move with the head, as lips and chin do not."""
HEAD_RADII = (0.6, 0.75)
"""Half the width and height of head and hair, in sides of the square around the face."""
NECK = 0.6
"""How far from the head, in its radii, what is around it goes along less and less."""
TRUNK = 0.75
"""How far from its middle the trunk with its arms reaches, in widths of the shoulders."""
ABOVE = 0.25
"""How far above the shoulders the trunk begins, in the same."""
AROUND = 0.3
"""Within what width what is around the trunk goes along less and less, in the same."""
LARGER = 1.5
"""How many times larger or smaller than in the picture a hand or the head is shown at most."""
TURNS = 2
"""How often it is looked up where a pixel comes from, each time from what the last one said."""

Places = Complex128[np.ndarray, "H W"]


@dataclass(frozen=True)
class Move:
    """Takes `z`, which is x + iy of a point in the picture, to `factor * z + shift`."""

    factor: complex
    shift: complex


STILL = Move(1 + 0j, 0j)


class Puppet:
    """A person in a picture whose shoulders carry the trunk, whose face the head, and whose hands themselves."""

    def __init__(self, picture: Pixels, keypoints: Keypoints) -> None:
        self._picture, self._keypoints = picture, keypoints
        self._cutouts, self._behind = cut_out(picture, keypoints)
        height, width = picture.shape[:2]
        self._places = np.arange(width) + 0.5 + 1j * (np.arange(height)[:, None] + 0.5)
        self._head, self._trunk = _head(keypoints, self._places), _trunk(keypoints, self._places)

    def pose(self, keypoints: Keypoints) -> Pixels:
        """Return the picture with those parts carried along that are known in the pose and in the picture.

        Head and hands are moved, turned and scaled, the trunk is moved; what is around them is stretched a little.
        """
        trunk = self._swayed(keypoints)
        hands = [_move(each.points, keypoints[each.part]) or trunk for each in self._cutouts]
        head = _move(self._keypoints[HEAD], keypoints[HEAD]) or trunk
        if all(move == STILL for move in (trunk, head, *hands)):
            return self._picture
        shown = Image.fromarray(self._bent(head, trunk)).convert("RGBA")
        for cutout, move in zip(self._cutouts, hands, strict=True):
            shown = Image.alpha_composite(shown, _moved(cutout.pixels, move))
        return np.array(shown)[:, :, :3]

    def poses(self, track: KeypointTrack) -> Frames:
        """Return the picture in each pose."""
        return np.stack([self.pose(each) for each in track])

    def _swayed(self, keypoints: Keypoints) -> Move:
        here, there = (_neck(each) for each in (self._keypoints, keypoints))
        return STILL if here is None or there is None else Move(1 + 0j, there - here)

    def _bent(self, head: Move, trunk: Move) -> Pixels:
        """Return what is behind the hands, with head and trunk carried along."""
        nodded = head.factor * self._places + head.shift - self._places
        ways = self._head * nodded + (1 - self._head) * self._trunk * trunk.shift
        origins = self._places - ways
        for _ in range(TURNS - 1):
            origins = self._places - _looked_up(ways, origins)
        if not ways.any():
            return self._behind
        return _looked_up(self._behind.astype(np.float32), origins).round().astype(np.uint8)


def _neck(keypoints: Keypoints) -> complex | None:
    """Return the middle of the shoulders."""
    ends = keypoints[list(movement.SHOULDERS)]
    return complex(*ends[:, :2].mean(axis=0).tolist()) if (ends[:, 2] > 0).all() else None


def _head(keypoints: Keypoints, places: Places) -> Float64[np.ndarray, "H W"]:
    """Return how much of the head's way each pixel goes."""
    box = regions.face_box(keypoints)
    if box is None:
        return np.zeros(places.shape)
    aside = (places - complex(*box.centre)) / box.width
    away = np.hypot(aside.real / HEAD_RADII[0], aside.imag / HEAD_RADII[1])
    return _eased((1 + NECK - away) / NECK)


def _trunk(keypoints: Keypoints, places: Places) -> Float64[np.ndarray, "H W"]:
    """Return how much of the shoulders' way each pixel goes."""
    neck = _neck(keypoints)
    if neck is None:
        return np.zeros(places.shape)
    left, right = keypoints[list(movement.SHOULDERS), 0].tolist()
    away = (places - neck) / max(abs(left - right), 1.0)
    return _eased((TRUNK + AROUND - abs(away.real)) / AROUND) * _eased((away.imag + ABOVE) / ABOVE)


def _eased(share: Float64[np.ndarray, "H W"]) -> Float64[np.ndarray, "H W"]:
    clipped = np.clip(share, 0, 1)
    return clipped**2 * (3 - 2 * clipped)


def _looked_up(values: np.ndarray, places: Places) -> np.ndarray:
    """Return what lies at some places, between pixels in straight lines; beyond the picture its edge goes on."""
    height, width = values.shape[:2]
    x, y = (np.clip(each - 0.5, 0, side - 1) for each, side in ((places.real, width), (places.imag, height)))
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    extra = (1,) * (values.ndim - 2)
    across, down = ((each - first).reshape(*each.shape, *extra) for each, first in ((x, left), (y, top)))
    upper, lower = (values[row, left] * (1 - across) + values[row, left + 1] * across for row in (top, top + 1))
    return np.asarray(upper * (1 - down) + lower * down)


def _move(here: Float32[np.ndarray, "k 3"], there: Float32[np.ndarray, "k 3"]) -> Move | None:
    """Return what brings points closest to others, None if too few of them are known."""
    both = (here[:, 2] > 0) & (there[:, 2] > 0)
    if both.sum() < regions.MIN_POINTS:
        return None
    before, after = (each[both, :2].astype(np.float64) @ (1, 1j) for each in (here, there))
    if np.array_equal(before, after):
        return STILL
    middle, other = before.mean(), after.mean()
    factor = np.vdot(before - middle, after - other) / max(np.vdot(before - middle, before - middle).real, 1e-9)
    factor *= np.clip(abs(factor), 1 / LARGER, LARGER) / max(abs(factor), 1e-9)
    return Move(complex(factor), complex(other - factor * middle))


def _moved(pixels: Image.Image, move: Move) -> Image.Image:
    # Pillow asks where each pixel comes from.
    back = 1 / move.factor
    shift = -back * move.shift
    rows = (back.real, -back.imag, shift.real, back.imag, back.real, shift.imag)
    return pixels.transform(pixels.size, Image.Transform.AFFINE, rows, Image.Resampling.BICUBIC)
