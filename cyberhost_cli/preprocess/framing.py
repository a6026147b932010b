"""Cuts the frame of the video out of the picture, and knows the way there and back."""

import logging
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Float64, UInt8

from cyberhost_cli.config.inputs import PictureConfig
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, Box, Keypoints, Person, Pixels, Placement

logger = logging.getLogger(__name__)

SHOULDERS = (5, 6)
# What the points leave out of the body, in heights of the face's points, which end at brows, ears and chin.
HAIR_ABOVE, HAIR_BESIDE, CHIN_BELOW, SHOULDER_BESIDE = 0.65, 0.3, 0.1, 0.3


def frame(
    picture: Pixels, person: Person, config: PictureConfig
) -> tuple[UInt8[np.ndarray, "{config.height} {config.width} 3"], Keypoints, Placement]:
    """Return the frame at the preset's size, the keypoints in it, and where in the picture it lies.

    Points outside the frame count as not known. Beyond the picture its edge goes on.
    """
    height, width = picture.shape[:2]
    whole = Box(0.0, 0.0, float(width), float(height))
    placement = Placement(place(person.keypoints, whole, config), height, width)
    _warn_of_hands(person.keypoints, whole, placement.box)
    keypoints = person.keypoints.copy()
    keypoints[:, :2] = to_frame(keypoints[:, :2], placement, config.height)
    x, y = keypoints[:, 0], keypoints[:, 1]
    keypoints[(x < 0) | (x >= config.width) | (y < 0) | (y >= config.height), 2] = 0
    return regions.cut(picture, placement.box, config.height, config.width), keypoints, placement


def to_frame(points: Float[np.ndarray, "*k 2"], placement: Placement, height: int) -> Float64[np.ndarray, "*k 2"]:
    """Return where points of the picture lie in its frame of `height` pixels."""
    box = placement.box
    return np.asarray((points - np.array([box.left, box.top])) * (height / box.height))


def to_picture(points: Float[np.ndarray, "*k 2"], placement: Placement, height: int) -> Float64[np.ndarray, "*k 2"]:
    """Return where points of a frame of `height` pixels lie in the picture."""
    box = placement.box
    return np.asarray(points * (box.height / height) + np.array([box.left, box.top]))


def place(keypoints: Keypoints, whole: Box, config: PictureConfig) -> Box:
    """Return the frame's place: so many faces high, the face's middle centred and at its height.

    Where the preset lets it grow, it moves until shoulders and hands are in it beside the head, and grows if that is
    not enough. What does not fit even so is left out.
    """
    face = regions.known_face(keypoints)
    aspect, largest = config.width / config.height, config.max_face_heights * face.height
    usual = config.face_heights * face.height
    kept = _head(face)
    # A frame that may not grow may not move either: its model knows faces at one place and of one size.
    if config.max_face_heights == config.face_heights or _needed(kept, aspect) > largest:
        return _around(face, usual, config)
    for part in _parts(keypoints, face.height, whole):
        both = _union(kept, part)
        if _needed(both, aspect) <= largest:
            kept = both
    box = _around(face, max(usual, _needed(kept, aspect)), config)
    left = min(max(box.left, kept.right - box.width), kept.left)
    top = min(max(box.top, kept.bottom - box.height), kept.top)
    return Box(left, top, left + box.width, top + box.height)


def _around(face: Box, height: float, config: PictureConfig) -> Box:
    """Return the frame of this height that has the face where the preset wants it."""
    (x, y), width = face.centre, height * config.width / config.height
    left, top = x - width / 2, y - config.face_top * height
    return Box(left, top, left + width, top + height)


def _head(face: Box) -> Box:
    height = face.height
    return Box(
        face.left - HAIR_BESIDE * height,
        face.top - HAIR_ABOVE * height,
        face.right + HAIR_BESIDE * height,
        face.bottom + CHIN_BELOW * height,
    )


def _parts(keypoints: Keypoints, face_height: float, whole: Box) -> Iterator[Box]:
    """Yield what else shall be seen, as far as it lies in the picture, the most important first."""
    wanted = [_shoulders(keypoints, SHOULDER_BESIDE * face_height), *regions.hand_boxes(keypoints)]
    seen = (_common(box, whole) for box in wanted if box is not None)
    yield from (box for box in seen if box is not None)


def _shoulders(keypoints: Keypoints, margin: float) -> Box | None:
    known = [keypoints[place, :2].tolist() for place in SHOULDERS if keypoints[place, 2] > 0]
    if not known:
        return None
    across, down = zip(*known, strict=True)
    return Box(min(across) - margin, min(down), max(across) + margin, max(down))


def _common(one: Box, other: Box) -> Box | None:
    left, right = max(one.left, other.left), min(one.right, other.right)
    top, bottom = max(one.top, other.top), min(one.bottom, other.bottom)
    return Box(left, top, right, bottom) if left <= right and top <= bottom else None


def _union(one: Box, other: Box) -> Box:
    return Box(
        min(one.left, other.left),
        min(one.top, other.top),
        max(one.right, other.right),
        max(one.bottom, other.bottom),
    )


def _needed(box: Box, aspect: float) -> float:
    """Return the height of the smallest frame that holds the box."""
    return max(box.height, box.width / aspect)


def _warn_of_hands(keypoints: Keypoints, whole: Box, box: Box) -> None:
    """Tell of hands that the picture shows and the frame cuts off; of other parts the preflight tells."""
    for name, hand in (("left", LEFT_HAND), ("right", RIGHT_HAND)):
        points = regions.extent(keypoints[hand])
        seen = None if points is None else _common(points, whole)
        if seen is not None and _common(seen, box) != seen:
            logger.warning(
                "the %s hand does not fit into the frame; use a picture in which it is nearer to the face or hidden, "
                "or let the frame grow with a larger `picture.max_face_heights`",
                name,
            )
