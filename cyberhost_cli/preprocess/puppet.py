"""Puppet: the person in a picture, carried to where shoulders, face and hands of another pose are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from cyberhost_cli.preprocess import cutouts, movement, regions
from cyberhost_cli.preprocess.cutouts import Cutout, Places, Points, cut_out
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
"""How many times larger or smaller than in the picture the head is shown at most."""
TURNS = 2
"""How often it is looked up where a pixel comes from, each time from what the last one said."""


@dataclass(frozen=True)
class Move:
    """Takes `z`, which is x + iy of a point in the picture, to `factor * z + shift`."""

    factor: complex
    shift: complex


@dataclass(frozen=True)
class Posed:
    """A picture of a puppet."""

    pixels: Pixels
    hands: UInt8[np.ndarray, "H W"]
    """How far hands that were carried cover it, 0..255."""


STILL = Move(1 + 0j, 0j)


class Puppet:
    """A person in a picture whose shoulders carry the trunk, whose face the head, and whose hands themselves."""

    def __init__(self, picture: Pixels, keypoints: Keypoints) -> None:
        self._picture, self._keypoints = picture, keypoints
        self._cutouts, self._behind = cut_out(picture, keypoints)
        height, width = picture.shape[:2]
        self._places = np.arange(width) + 0.5 + 1j * (np.arange(height)[:, None] + 0.5)
        self._head, self._trunk = _head(keypoints, self._places), _trunk(keypoints, self._places)

    def pose(self, keypoints: Keypoints) -> Posed:
        """Return the picture with those parts carried along that are known in the pose and in the picture.

        The trunk is moved, the head also turned and scaled, and what is around them stretched a little; each point of a
        hand goes where it is in the pose.
        """
        trunk = self._swayed(keypoints)
        hands = [self._driven(each, keypoints[each.part], trunk) for each in self._cutouts]
        head = _move(self._keypoints[HEAD], keypoints[HEAD]) or trunk
        shown = np.zeros((*self._places.shape, 4), np.float32)
        shown[:, :, :3] = self._bent(head, trunk)
        for cutout, (here, there) in zip(self._cutouts, hands, strict=True):
            cutouts.lay_over(shown, cutout, here, there)
        pixels = shown.round().astype(np.uint8)
        still = head == trunk == STILL and all(np.array_equal(here, there) for here, there in hands)
        return Posed(self._picture if still else pixels[:, :, :3], pixels[:, :, 3])

    def poses(self, track: KeypointTrack) -> Frames:
        """Return the picture in each pose."""
        return np.stack([self.pose(each).pixels for each in track])

    def _swayed(self, keypoints: Keypoints) -> Move:
        here, there = (_neck(each) for each in (self._keypoints, keypoints))
        return STILL if here is None or there is None else Move(1 + 0j, there - here)

    @staticmethod
    def _driven(cutout: Cutout, pose: Float32[np.ndarray, "21 3"], trunk: Move) -> tuple[Points, Points]:
        """Return where points of a hand are in the picture, and where they go: with the trunk if too few are known."""
        both = (cutout.points[:, 2] > 0) & (pose[:, 2] > 0)
        if both.sum() >= regions.MIN_POINTS:
            here, there = (_complex(each[both]) for each in (cutout.points, pose))
            return here, there
        here = _complex(cutout.points[cutout.points[:, 2] > 0])
        return here, here + trunk.shift

    def _bent(self, head: Move, trunk: Move) -> Float32[np.ndarray, "H W 3"]:
        """Return what is behind the hands, with head and trunk carried along."""
        nodded = head.factor * self._places + head.shift - self._places
        ways = self._head * nodded + (1 - self._head) * self._trunk * trunk.shift
        origins = self._places - ways
        for _ in range(TURNS - 1):
            origins = self._places - cutouts.looked_up(ways, origins)
        if not ways.any():
            return self._behind.astype(np.float32)
        return cutouts.looked_up(self._behind.astype(np.float32), origins)


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


def _complex(points: Float32[np.ndarray, "k 3"]) -> Points:
    return points[:, :2].astype(np.float64) @ (1, 1j)


def _move(here: Float32[np.ndarray, "k 3"], there: Float32[np.ndarray, "k 3"]) -> Move | None:
    """Return what brings points closest to others, None if too few of them are known."""
    both = (here[:, 2] > 0) & (there[:, 2] > 0)
    if both.sum() < regions.MIN_POINTS:
        return None
    before, after = (_complex(each[both]) for each in (here, there))
    if np.array_equal(before, after):
        return STILL
    middle, other = before.mean(), after.mean()
    factor = np.vdot(before - middle, after - other) / max(np.vdot(before - middle, before - middle).real, 1e-9)
    factor *= np.clip(abs(factor), 1 / LARGER, LARGER) / max(abs(factor), 1e-9)
    return Move(complex(factor), complex(other - factor * middle))
