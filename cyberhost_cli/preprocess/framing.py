"""Cuts the frame of the video out of the picture."""

import logging

import numpy as np
from jaxtyping import UInt8

from cyberhost_cli.config.schema import PictureConfig
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import Box, Keypoints, Person, Pixels

logger = logging.getLogger(__name__)

MAX_PADDING = 1 / 3
"""A larger share of the frame beyond the picture is warned of."""


def frame(
    picture: Pixels, person: Person, config: PictureConfig
) -> tuple[UInt8[np.ndarray, "{config.height} {config.width} 3"], Keypoints]:
    """Return the frame at the preset's size and the keypoints in it; points outside count as not known.

    Beyond the picture its edge goes on.
    """
    box = _place(person.keypoints, config)
    _warn_of_padding(box, picture.shape[1], picture.shape[0])
    scale = config.height / box.height
    keypoints = person.keypoints.copy()
    keypoints[:, :2] = (keypoints[:, :2] - np.array([box.left, box.top])) * scale
    x, y = keypoints[:, 0], keypoints[:, 1]
    keypoints[(x < 0) | (x >= config.width) | (y < 0) | (y >= config.height), 2] = 0
    return regions.cut(picture, box, config.height, config.width), keypoints


def _place(keypoints: Keypoints, config: PictureConfig) -> Box:
    """Return the frame's place: so many faces high, the face's middle centred and at its height."""
    face = regions.known_face(keypoints)
    x, y = face.centre
    height = config.face_heights * face.height
    width = height * config.width / config.height
    left, top = x - width / 2, y - config.face_top * height
    return Box(left, top, left + width, top + height)


def _warn_of_padding(box: Box, width: int, height: int) -> None:
    across = min(box.right, width) - max(box.left, 0)
    down = min(box.bottom, height) - max(box.top, 0)
    padding = 1 - across * down / (box.width * box.height)
    if padding > MAX_PADDING:
        logger.warning(
            "%.0f %% of the frame lies beyond the picture and is filled from its edges; "
            "use a picture with more room around the face, or a smaller `picture.face_heights`",
            100 * padding,
        )
