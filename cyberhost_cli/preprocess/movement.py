"""The body movement map: the rectangle that the chest may reach."""

import numpy as np
from jaxtyping import UInt8

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import FACE, Box, Keypoints, KeypointTrack

Shoulders = tuple[float, float, float]
"""x, y of the middle of the shoulders and the body's scale as a width of the shoulders."""

SHOULDERS = (5, 6)
DROP = 0.15
"""How far below the middle of the shoulders the chest lies, in shoulder widths."""
FACE_TO_SHOULDERS = 1.2
"""Middle of the face to middle of the shoulders, in heights of the face's points."""
SHOULDERS_PER_FACE = 2.1
"""Width of the shoulders in heights of the face's points."""


def shoulders(track: KeypointTrack) -> list[Shoulders | None]:
    """Return the shoulders in every frame that shows them; guess them from the face where no frame does.

    Both in one clip are never mixed, since the guess is another place, and the change to it would look like movement.
    """
    seen = [_seen(each) for each in track]
    return seen if any(seen) else [_guessed(each) for each in track]


def rectangle(track: KeypointTrack, enlargement: float) -> Box:
    """Return the range of the chest over a clip, its sides `enlargement` times as long (paper: 1 to 1.5)."""
    found = [_below(each) for each in shoulders(track)]
    places = np.array([place for place in found if place is not None])
    if not len(places):
        raise InputError("no chest found in the clip", "expected shoulders or a face in at least one frame")
    (left, top), (right, bottom) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return _about((left + right) / 2, (top + bottom) / 2, (right - left) * enlargement, (bottom - top) * enlargement)


def wanted(keypoints: Keypoints, size_in_shoulder_widths: float) -> Box:
    """Return a square of a chosen size around the chest, for inference."""
    found = _seen(keypoints) or _guessed(keypoints)
    if found is None:
        raise InputError("no chest found in the picture", "expected shoulders or a face")
    x, y, width = found
    return _about(x, y + DROP * width, width * size_in_shoulder_widths, width * size_in_shoulder_widths)


def draw(box: Box, height: int, width: int) -> UInt8[np.ndarray, "{height} {width}"]:
    """Draw the filled rectangle, 255 inside, antialiased."""
    drawn: np.ndarray = np.rint(regions.mask([box], height, width, (height, width)) * 255).astype(np.uint8)
    return drawn


def _about(x: float, y: float, width: float, height: float) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def _below(found: Shoulders | None) -> tuple[float, float] | None:
    """Return x, y of the chest below the shoulders."""
    if found is None:
        return None
    x, y, width = found
    return x, y + DROP * width


def _seen(keypoints: Keypoints) -> Shoulders | None:
    """Return the shoulders where both are seen.

    Seen from the side they fall together, so that the width is at least half of what the face suggests.
    """
    left, right = keypoints[SHOULDERS[0]], keypoints[SHOULDERS[1]]
    if left[2] <= 0 or right[2] <= 0:
        return None
    face = regions.extent(keypoints[FACE])
    (x, y), apart = ((left + right) / 2)[:2].tolist(), float(np.hypot(*(left - right)[:2]))
    return x, y, apart if face is None else max(apart, SHOULDERS_PER_FACE * face.height / 2)


def _guessed(keypoints: Keypoints) -> Shoulders | None:
    """Return where the shoulders must be below the face."""
    face = regions.extent(keypoints[FACE])
    if face is None:
        return None
    x, y = face.centre
    return x, y + FACE_TO_SHOULDERS * face.height, SHOULDERS_PER_FACE * face.height
