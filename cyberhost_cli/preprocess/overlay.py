"""A picture of what was found in the reference, for people to look at."""

import numpy as np
from PIL import Image, ImageDraw

from cyberhost_cli.preprocess import regions, skeleton
from cyberhost_cli.types import Pixels, PreparedReference

SMALLEST = 512
"""Smaller references are enlarged to this height."""
FACE, HANDS, MOVEMENT = (255, 255, 255), (255, 0, 255), (0, 255, 0)
TINT = 0.3
"""Strength of the movement rectangle's colour."""


def draw(reference: PreparedReference) -> Pixels:
    """Draw keypoints, the boxes of face (white) and hands (magenta) and the movement rectangle (green)."""
    height, width = reference.picture.shape[:2]
    scale = max(1, -(-SMALLEST // height))
    size = (width * scale, height * scale)
    picture = np.asarray(Image.fromarray(reference.picture).resize(size, Image.Resampling.LANCZOS))
    reach = np.asarray(Image.fromarray(reference.movement).resize(size, Image.Resampling.BILINEAR))
    share = (reach * np.float32(TINT / 255))[:, :, None]
    tinted = np.rint(picture * (1 - share) + np.array(MOVEMENT, dtype=np.float32) * share).astype(np.uint8)
    keypoints = reference.keypoints * np.array([scale, scale, 1], dtype=np.float32)
    canvas = Image.fromarray(skeleton.draw_on(tinted, keypoints))
    pen = ImageDraw.Draw(canvas)
    for box, colour in zip(
        (regions.face_box(keypoints), *regions.hand_boxes(keypoints)), (FACE, HANDS, HANDS), strict=True
    ):
        if box is not None:
            pen.rectangle((box.left, box.top, box.right, box.bottom), outline=colour, width=2)
    return np.array(canvas)
