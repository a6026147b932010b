"""Pictures of a pose: limbs, hands and face as DWPose draws them."""

import colorsys
from itertools import pairwise

import numpy as np
from jaxtyping import Float32, UInt8

from cyberhost_cli.preprocess.shapes import Canvas, Colour, Ends, Form
from cyberhost_cli.types import BODY, FACE, LEFT_HAND, RIGHT_HAND, Frames, Keypoints, KeypointTrack, Pixels

Points = Float32[np.ndarray, "f k 3"]

# DWPose's 18 joints, by their index in COCO's 17; 17 stands for the neck, the middle of the shoulders.
NOSE, NECK, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST = 0, 17, 6, 8, 10, 5, 7, 9
RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE, LEFT_HIP, LEFT_KNEE, LEFT_ANKLE = 12, 14, 16, 11, 13, 15
RIGHT_EYE, LEFT_EYE, RIGHT_EAR, LEFT_EAR = 2, 1, 4, 3
# fmt: off
JOINTS = (
    NOSE, NECK, RIGHT_SHOULDER, RIGHT_ELBOW, RIGHT_WRIST, LEFT_SHOULDER, LEFT_ELBOW, LEFT_WRIST, RIGHT_HIP, RIGHT_KNEE,
    RIGHT_ANKLE, LEFT_HIP, LEFT_KNEE, LEFT_ANKLE, RIGHT_EYE, LEFT_EYE, RIGHT_EAR, LEFT_EAR,
)
"""In DWPose's order: joint i has colour i."""
LIMBS = (
    (NECK, RIGHT_SHOULDER), (NECK, LEFT_SHOULDER), (RIGHT_SHOULDER, RIGHT_ELBOW), (RIGHT_ELBOW, RIGHT_WRIST),
    (LEFT_SHOULDER, LEFT_ELBOW), (LEFT_ELBOW, LEFT_WRIST), (NECK, RIGHT_HIP), (RIGHT_HIP, RIGHT_KNEE),
    (RIGHT_KNEE, RIGHT_ANKLE), (NECK, LEFT_HIP), (LEFT_HIP, LEFT_KNEE), (LEFT_KNEE, LEFT_ANKLE), (NECK, NOSE),
    (NOSE, RIGHT_EYE), (RIGHT_EYE, RIGHT_EAR), (NOSE, LEFT_EYE), (LEFT_EYE, LEFT_EAR),
)
"""Limb i has colour i; later ones lie over earlier ones."""
# fmt: on
FINGERS = tuple((0, *range(first, first + 4)) for first in (1, 5, 9, 13, 17))
BONES = tuple(bone for finger in FINGERS for bone in pairwise(finger))


def _wheel(count: int) -> tuple[Colour, ...]:
    """Return so many colours in the order of the rainbow."""
    shades = (colorsys.hsv_to_rgb(index / count, 1, 1) for index in range(count))
    return tuple((round(255 * red), round(255 * green), round(255 * blue)) for red, green, blue in shades)


COLOURS, BONE_COLOURS = _wheel(len(JOINTS)), _wheel(len(BONES))
HAND_POINT: Colour = (0, 0, 255)
FACE_POINT: Colour = (255, 255, 255)
LIMB_SHADE = 0.6
"""Limbs are darker than the joints on them."""

# Half widths in pixels of a picture whose longer side has 512 of them. DWPose asks OpenCV for limbs of 4 and lines of
# 1, which fills the pixels on their edges too.
LIMB_RADIUS, JOINT_RADIUS, BONE_RADIUS, HAND_RADIUS, FACE_RADIUS = 4.5, 4.0, 1.5, 4.0, 3.0

ALONE_SIDE = 800
"""Pixels of the shorter side of the picture on which EchoMimicV2 draws hands with these widths."""

TOGETHER = 2**22
"""Pixels of the frames that are drawn at the same time: enough to be quick, few enough to stay in little memory."""


def draw(keypoints: Keypoints, height: int, width: int) -> UInt8[np.ndarray, "{height} {width} 3"]:
    """Draw body, hands and face on black; points that are not known are left out with their limbs."""
    drawn: Pixels = draw_track(keypoints[None], height, width)[0]
    return drawn


def draw_track(track: KeypointTrack, height: int, width: int) -> UInt8[np.ndarray, "f {height} {width} 3"]:
    """Draw every pose of a clip on black, much quicker than one after the other."""
    frames = np.zeros((len(track), height, width, 3), dtype=np.uint8)
    for part in _parts(frames):
        _draw_pose(Pen(frames[part]), track[part])
    return frames


def draw_on(picture: Pixels, keypoints: Keypoints) -> Pixels:
    """Draw body, hands and face over a picture."""
    frames = picture[None].copy()
    _draw_pose(Pen(frames), keypoints[None])
    drawn: Pixels = frames[0]
    return drawn


def draw_hands_on(picture: Pixels, track: KeypointTrack) -> Frames:
    """Draw both hands of every pose, and nothing else, each over a copy of one picture."""
    frames = np.repeat(picture[None], len(track), axis=0)
    for part in _parts(frames):
        _draw_hands(Pen(frames[part]), track[part])
    return frames


def draw_hands(track: KeypointTrack, height: int, width: int) -> UInt8[np.ndarray, "f {height} {width} 3"]:
    """Draw the hands of every pose alone on black, as EchoMimicV2 was trained on them.

    Red and blue stand in each other's place, what is less sure is darker, and points beyond the left or the upper edge
    are left out with their bones (its `draw_pose_select_v2`).
    """
    frames = np.zeros((len(track), height, width, 3), dtype=np.uint8)
    unit = min(height, width) / ALONE_SIDE
    hands = track[:, LEFT_HAND.start : RIGHT_HAND.stop].copy()
    hands[(hands[:, :, :2] < unit).any(axis=2), 2] = 0
    for part in _parts(frames):
        canvas = Canvas(frames[part])
        for hand in np.split(hands[part], 2, axis=1):
            places, sure = hand[:, :, :2], hand[:, :, 2]
            for bone, (red, green, blue) in zip(BONES, BONE_COLOURS, strict=True):
                light, ends = sure[:, bone].prod(axis=1), places[:, bone]
                _paint_dimmed(canvas, ends, light, BONE_RADIUS * unit, (blue, green, red))
            for point in range(hand.shape[1]):
                ends = places[:, [point, point]]
                _paint_dimmed(canvas, ends, sure[:, point], HAND_RADIUS * unit, HAND_POINT[::-1])
    return frames


def _paint_dimmed(canvas: Canvas, ends: Ends, light: Float32[np.ndarray, "k"], radius: float, colour: Colour) -> None:
    """Paint one bar in each frame, black where there is no light and of full colour where there is 1 or more."""
    owners = (light > 0).nonzero()[0]
    inks = np.minimum(light[owners, None] * np.array(colour, dtype=np.float32), 255)
    canvas.paint(owners, ends[owners], radius, inks, "bar")


class Pen:
    """Draws the poses of a clip on its frames, those points and lines that are known."""

    def __init__(self, frames: Frames) -> None:
        self._canvas = Canvas(frames)
        self._unit = max(frames.shape[1:3]) / 512

    def lines(self, ends: Float32[np.ndarray, "f 2 3"], radius: float, colour: Colour, form: Form) -> None:
        """Draw one line in each frame."""
        owners = (ends[:, :, 2] > 0).all(axis=1).nonzero()[0]
        self._canvas.paint(owners, ends[owners, :, :2], radius * self._unit, colour, form)

    def dots(self, points: Points, radius: float, colour: Colour) -> None:
        """Draw points of one colour in each frame."""
        owners, known = (points[:, :, 2] > 0).nonzero()
        places = points[owners, known, :2]
        self._canvas.paint(owners, np.stack([places, places], axis=1), radius * self._unit, colour, "bar")


def _parts(frames: Frames) -> list[slice]:
    """Return spans of frames that are drawn together."""
    step = max(1, TOGETHER // frames[0, :, :, 0].size) if len(frames) else 1
    return [slice(start, start + step) for start in range(0, len(frames), step)]


def _draw_pose(pen: Pen, track: KeypointTrack) -> None:
    _draw_body(pen, track[:, BODY])
    _draw_hands(pen, track)
    pen.dots(track[:, FACE], FACE_RADIUS, FACE_POINT)


def _draw_body(pen: Pen, body: Points) -> None:
    shoulders = body[:, [LEFT_SHOULDER, RIGHT_SHOULDER]]
    neck = np.concatenate([shoulders[:, :, :2].mean(axis=1), shoulders[:, :, 2].min(axis=1)[:, None]], axis=1)
    joints = np.concatenate([body, neck[:, None]], axis=1)
    for limb, (red, green, blue) in zip(LIMBS, COLOURS, strict=False):
        shade = (round(LIMB_SHADE * red), round(LIMB_SHADE * green), round(LIMB_SHADE * blue))
        pen.lines(joints[:, list(limb)], LIMB_RADIUS, shade, "ellipse")
    for joint, colour in zip(JOINTS, COLOURS, strict=True):
        pen.dots(joints[:, [joint]], JOINT_RADIUS, colour)


def _draw_hands(pen: Pen, track: KeypointTrack) -> None:
    for part in (LEFT_HAND, RIGHT_HAND):
        hand = track[:, part]
        for bone, colour in zip(BONES, BONE_COLOURS, strict=True):
            pen.lines(hand[:, list(bone)], BONE_RADIUS, colour, "bar")
        pen.dots(hand, HAND_RADIUS, HAND_POINT)
