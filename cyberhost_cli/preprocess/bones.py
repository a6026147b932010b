"""Poses as complex numbers, and how long their bones are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex128

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import movement
from cyberhost_cli.types import FACE, KEYPOINTS, LEFT_HAND, RIGHT_HAND, KeypointTrack

NECK = KEYPOINTS
"""Stands for the middle of the shoulders, after the points that are detected."""
LEFT, RIGHT = LEFT_HAND.start, RIGHT_HAND.start
Bone = tuple[int, int]
# Bones of a kind are those that are equally long in one person: those of both sides.
SHOULDERS: tuple[Bone, ...] = ((5, 6),)
UPPER_ARMS, FOREARMS = ((5, 7), (6, 8)), ((7, 9), (8, 10))
TORSO, THIGHS, SHINS = ((NECK, 11), (NECK, 12)), ((11, 13), (12, 14)), ((13, 15), (14, 16))
PALMS = tuple(((LEFT, LEFT + knuckle), (RIGHT, RIGHT + knuckle)) for knuckle in (5, 9, 13, 17))
"""One kind for each of the four bones that fingers bend least."""
EYES, NOSE = ((FACE.start + 36, FACE.start + 45),), ((FACE.start + 27, FACE.start + 33),)

STRETCHED = 90.0
"""Percentile of a bone's lengths over a clip that counts as its own: seen from another side it looks shorter."""
SPREAD = 1.2
"""A bone whose ratio is this many times off the body's is seen foreshortened, in the driver or the reference."""


@dataclass(frozen=True)
class Poses:
    """The poses of one person in a clip; a picture has one."""

    places: Complex128[np.ndarray, "f 134"]
    """x + iy in pixels, so that turning and scaling are one factor; the neck last; 0 where not known."""
    known: Bool[np.ndarray, "f 134"]

    @property
    def neck(self) -> Complex128[np.ndarray, "f"]:
        """The place that the rest of the body is seen from; known or guessed in every frame."""
        return self.places[:, NECK]


def read(track: KeypointTrack) -> Poses:
    """Turn keypoints into poses.

    Raises:
        InputError: no frame shows shoulders or a face.
    """
    known = np.concatenate([track[:, :, 2] > 0, (track[:, [5, 6], 2] > 0).all(axis=1)[:, None]], axis=1)
    found = movement.shoulders(track)
    frames = [index for index, each in enumerate(found) if each is not None]
    if not frames:
        raise InputError(
            "nobody's shoulders or face are seen in the driving poses",
            "use a video that shows the person from the front",
        )
    necks = np.array([complex(*each[:2]) for each in found if each is not None])
    places = np.where(known[:, :NECK], track[:, :, 0] + 1j * track[:, :, 1].astype(np.float64), 0)
    return Poses(np.concatenate([places, _through(necks, frames, len(track))[:, None]], axis=1), known)


def through_time(poses: Poses, point: int) -> Complex128[np.ndarray, "f"] | None:
    """Return a point's place in every frame, between known ones in a straight line; None if it is never known."""
    if point == NECK:
        return poses.neck
    frames = poses.known[:, point].nonzero()[0]
    return _through(poses.places[frames, point], frames.tolist(), len(poses.places)) if len(frames) else None


def body_scale(driver: Poses, reference: Poses) -> float:
    """Return how large the reference is beside the driver: the middle of what their parts say, which may be turned.

    Raises:
        InputError: they have no part in common.
    """
    ratios = [ratio(driver, reference, kind) for kind in (SHOULDERS, UPPER_ARMS, FOREARMS, TORSO, EYES, NOSE)]
    known = [each for each in ratios if each is not None]
    if not known:
        raise InputError(
            "the driving poses and the picture show no part of the body in common",
            "use a video in which face or shoulders are seen as in the picture",
        )
    return float(np.median(known))


def ratio(driver: Poses, reference: Poses, kind: tuple[Bone, ...]) -> float | None:
    """Return how long bones are in the reference beside the driver, None where one of them does not show any."""
    ours, theirs = _length(reference, kind), _length(driver, kind)
    return ours / theirs if ours and theirs else None


def likely(ratio: float | None, expected: float) -> float:
    """Return a ratio by which bodies may differ, and the expected one in the place of any other."""
    differs = ratio is not None and expected / SPREAD <= ratio <= expected * SPREAD
    return ratio if ratio is not None and differs else expected


def _length(poses: Poses, kind: tuple[Bone, ...]) -> float:
    """Return the length of the longer of equal bones, 0 where none is seen."""
    lengths = [0.0]
    for one, other in kind:
        both = poses.known[:, one] & poses.known[:, other]
        if both.any():
            apart = abs(poses.places[both, one] - poses.places[both, other])
            lengths.append(float(np.percentile(apart, STRETCHED)))
    return max(lengths)


def _through(places: Complex128[np.ndarray, "k"], frames: list[int], count: int) -> Complex128[np.ndarray, "f"]:
    """Return places at `frames` as places at all of `count` frames."""
    times = np.arange(count)
    filled: np.ndarray = np.interp(times, frames, places.real) + 1j * np.interp(times, frames, places.imag)
    return filled
