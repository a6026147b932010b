"""Pictures of a pose: limbs, hands and face drawn in OpenPose's colours."""

import colorsys
from itertools import pairwise

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw

from cyberhost_cli.types import BODY, FACE, LEFT_HAND, RIGHT_HAND, Keypoints, Pixels

Colour = tuple[int, int, int]
Points = Float32[np.ndarray, "k 3"]

# OpenPose's 18 joints, by their index in COCO's 17; 17 stands for the neck, the middle of the shoulders.
NOSE, NECK, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = 0, 17, 6, 8, 10, 5, 7, 9
RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE, LEFT_HIP, LEFT_KNEE, LEFT_ANKLE = 12, 14, 16, 11, 13, 15
RIGHT_EYE, LEFT_EYE, RIGHT_EAR, LEFT_EAR = 2, 1, 4, 3
# fmt: off
JOINTS = (
    NOSE, NECK, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, RIGHT_HIP, RIGHT_KNEE,
    RIGHT_ANKLE, LEFT_HIP, LEFT_KNEE, LEFT_ANKLE, RIGHT_EYE, LEFT_EYE, RIGHT_EAR, LEFT_EAR,
)
"""In OpenPose's order: joint i has colour i."""
LIMBS = (
    (NECK, RIGHT_SHOULDER), (NECK, LEFT_SHOULDER), (RIGHT_SHOULDER, RIGHT_ELBOW), (RIGHT_ELBOW, RIGHT_WRIST),
    (LEFT_SHOULDER, LEFT_ELBOW), (LEFT_ELBOW, LEFT_WRIST), (NECK, RIGHT_HIP), (RIGHT_HIP, RIGHT_KNEE),
    (RIGHT_KNEE, RIGHT_ANKLE), (NECK, LEFT_HIP), (LEFT_HIP, LEFT_KNEE), (LEFT_KNEE, LEFT_ANKLE), (NECK, NOSE),
    (NOSE, RIGHT_EYE), (RIGHT_EYE, RIGHT_EAR), (NOSE, LEFT_EYE), (LEFT_EYE, LEFT_EAR),
)
"""Limb i has colour i."""
COLOURS: tuple[Colour, ...] = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)
# fmt: on
FINGERS = tuple((0, *range(first, first + 4)) for first in (1, 5, 9, 13, 17))
BONES = tuple(bone for finger in FINGERS for bone in pairwise(finger))
HAND_POINT: Colour = (0, 0, 255)
FACE_POINT: Colour = (255, 255, 255)
LIMB_SHADE = 0.6
"""Limbs are darker than the joints on them."""

# Sizes in pixels of a picture whose longer side has 512 of them (OpenPose).
LIMB_WIDTH, JOINT_RADIUS, BONE_WIDTH, HAND_RADIUS, FACE_RADIUS = 8.0, 4.0, 2.5, 3.0, 2.0


def draw(keypoints: Keypoints, height: int, width: int) -> Pixels:
    """Draw body, hands and face on black; points that are not known are left out with their limbs."""
    return draw_on(np.zeros((height, width, 3), dtype=np.uint8), keypoints)


def draw_on(picture: Pixels, keypoints: Keypoints) -> Pixels:
    """Draw body, hands and face over a picture."""
    pen = Pen(picture)
    pen.pose(keypoints)
    return pen.pixels()


class Pen:
    """Draws poses over a picture, on a canvas larger than it for smooth edges."""

    def __init__(self, picture: Pixels) -> None:
        height, width = picture.shape[:2]
        self.finer = max(2, round(512 / max(height, width)))
        self.unit = max(height, width) * self.finer / 512
        size = (width * self.finer, height * self.finer)
        self.canvas = Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)
        self.draw = ImageDraw.Draw(self.canvas)

    def pixels(self) -> Pixels:
        """Return the picture at its own size."""
        return np.array(self.canvas.reduce(self.finer))

    def pose(self, keypoints: Keypoints) -> None:
        """Draw body, then hands, then face."""
        scaled = keypoints * np.array([self.finer, self.finer, 1], dtype=np.float32)
        self._body(scaled[BODY])
        for hand in (LEFT_HAND, RIGHT_HAND):
            self._hand(scaled[hand])
        self._dots(scaled[FACE], FACE_RADIUS, FACE_POINT)

    def _body(self, body: Points) -> None:
        shoulders = body[[LEFT_SHOULDER, RIGHT_SHOULDER]]
        neck = np.append(shoulders[:, :2].mean(axis=0), shoulders[:, 2].min())[None]
        joints = np.concatenate([body, neck])
        for limb, colour in zip(LIMBS, COLOURS, strict=False):
            red, green, blue = (round(LIMB_SHADE * value) for value in colour)
            self._line(joints[list(limb)], LIMB_WIDTH, (red, green, blue))
        for joint, colour in zip(JOINTS, COLOURS, strict=True):
            self._dots(joints[joint : joint + 1], JOINT_RADIUS, colour)

    def _hand(self, hand: Points) -> None:
        for index, bone in enumerate(BONES):
            red, green, blue = colorsys.hsv_to_rgb(index / len(BONES), 1, 1)
            self._line(hand[list(bone)], BONE_WIDTH, (round(red * 255), round(green * 255), round(blue * 255)))
        self._dots(hand, HAND_RADIUS, HAND_POINT)

    def _line(self, ends: Points, line_width: float, colour: Colour) -> None:
        if (ends[:, 2] > 0).all():
            self.draw.line(ends[:, :2].ravel().tolist(), fill=colour, width=max(1, round(line_width * self.unit)))

    def _dots(self, points: Points, radius: float, colour: Colour) -> None:
        for x, y, confidence in points.tolist():
            if confidence > 0:
                self.draw.circle((x, y), radius * self.unit, fill=colour)
