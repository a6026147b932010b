"""Figures of the face: how large, sharp, well lit, turned and open it is."""

import math

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.config.preflight import FaceLimits
from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.preflight import occlusion
from cyberhost_cli.types import FACE, Box, Figure, Keypoints, Pixels

Face = Float32[np.ndarray, "68 3"]
Tile = Float32[np.ndarray, "rows columns"]

SIDE = 48
"""Height of the face in pixels at which sharpness is judged: faces of any size and their fine grain compare."""
EARS, EYES, NOSE = (0, 16), (36, 45), 30
"""Of the 68 points: the ends of the jaw's line, the outer corners of the eyes and the tip of the nose."""
NOSE_DEPTH = 4 / 3
"""How far the tip of the nose lies before the ends of the jaw's line, in halves of their distance.

Measured on rendered actors: turns by 15, 30, 45 and 60 degrees are told within 4.
"""
LIDS = ((36, 39, 37, 41), (36, 39, 38, 40), (42, 45, 43, 47), (42, 45, 44, 46))
"""The corners of an eye, and two points of its lids opposite to each other."""
LIPS = (60, 64, 62, 66)
"""The inner corners of the mouth, and the inner middles of the lips."""
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Shares of red, green and blue in a grey level (ITU-R BT.601)."""
WHITE = 0.98
"""Grey level, 0..1, from which on nothing is drawn in a face any more."""


def measure(picture: Pixels, keypoints: Keypoints, limits: FaceLimits) -> tuple[Figure, ...]:
    """Measure the face of a person in the picture; an angle or opening whose points are not known is left out."""
    box = regions.known_face(keypoints)
    tile = grey(picture, box)
    return (
        *_quality(tile, keypoints, box, limits),
        *occlusion.measure(picture, tile, keypoints, box, limits),
        *_pose(keypoints[FACE], limits),
    )


def sharpness(tile: Tile) -> float:
    """Return the standard deviation of the Laplacian as a share of that of the grey levels.

    Light, contrast and the skin's colour cancel out.
    """
    inner = tile[1:-1, 1:-1]
    laplacian = tile[:-2, 1:-1] + tile[2:, 1:-1] + tile[1:-1, :-2] + tile[1:-1, 2:] - 4 * inner
    return float(laplacian.std() / max(tile.std(), 1 / 255))


def grey(picture: Pixels, box: Box) -> Tile:
    """Return the grey levels of the box, 0..1, `SIDE` pixels high."""
    columns = max(3, round(SIDE * box.width / max(box.height, 1.0)))
    return regions.cut(picture, box, SIDE, columns) @ LUMA / np.float32(255)


def turn(face: Face) -> float:
    """Return the degrees by which the head looks aside, positive towards the right of the picture.

    The nose moves before the ends of the jaw's line by `NOSE_DEPTH` times the sine, they draw together by the cosine.
    """
    (start, end), nose = face[list(EARS), :2], face[NOSE, :2]
    across, aside = end - start, nose - (start + end) / 2
    moved = 2 * float(aside @ across) / max(float(across @ across), 1e-6)
    return math.degrees(math.atan(moved / NOSE_DEPTH))


def tilt(face: Face) -> float:
    """Return the degrees by which the head leans to the side, positive clockwise."""
    across = face[EYES[1], :2] - face[EYES[0], :2]
    return math.degrees(math.atan2(across[1], across[0]))


def opening(face: Face, left: int, right: int, upper: int, lower: int) -> float:
    """Return the distance of two points of lids or lips as a share of that of their corners."""
    width = math.dist(face[left, :2], face[right, :2])
    return math.dist(face[upper, :2], face[lower, :2]) / max(width, 1e-6)


def _quality(tile: Tile, keypoints: Keypoints, box: Box, limits: FaceLimits) -> list[Figure]:
    low, high = np.percentile(tile, (5, 95)).tolist()
    lit = "light the face evenly from the front, or correct the picture's exposure"
    return [
        Figure(
            "face.confidence",
            float(keypoints[FACE, 2].mean()),
            *limits.confidence,
            "the mean confidence of the face's points",
            "use a picture in which the face is to be seen whole, sharp and large",
        ),
        Figure(
            "face.height",
            box.height,
            *limits.height,
            "the face's height from brows to chin in pixels",
            "use a picture in which the face is larger",
        ),
        Figure(
            "face.sharpness",
            sharpness(tile),
            *limits.sharpness,
            "the face's sharpness",
            "use a picture in which the face is in focus and does not move",
        ),
        Figure("face.light", high, *limits.light, "the brightness of the face's brightest parts", lit),
        Figure("face.blown", float((tile >= WHITE).mean()), *limits.blown, "the share of white in the face", lit),
        Figure(
            "face.contrast",
            (high - low) / max(high, 1 / 255),
            *limits.contrast,
            "the face's contrast",
            "use a picture without haze, fog or a faded print",
        ),
    ]


def _pose(face: Face, limits: FaceLimits) -> list[Figure]:
    figures = []
    if _known(face, *EARS, NOSE):
        advice = "use a picture in which the person looks into the camera"
        meaning = "the head's turn to the side in degrees"
        figures.append(Figure("face.turn", turn(face), *limits.turn, meaning, advice))
    if _known(face, *EYES):
        advice = "use a picture in which the head is upright, or rotate it"
        meaning = "the head's lean to the side in degrees"
        figures.append(Figure("face.tilt", tilt(face), *limits.tilt, meaning, advice))
    if all(_known(face, *lids) for lids in LIDS):
        value = float(np.mean([opening(face, *lids) for lids in LIDS]))
        advice = "use a picture with open eyes, without dark glasses"
        figures.append(Figure("face.eyes", value, *limits.eyes, "the height of the eyes in their widths", advice))
    if _known(face, *LIPS):
        advice = "use a picture with closed lips or a calm smile"
        meaning = "the opening of the mouth in its widths"
        figures.append(Figure("face.mouth", opening(face, *LIPS), *limits.mouth, meaning, advice))
    return figures


def _known(face: Face, *points: int) -> bool:
    return bool((face[list(points), 2] > 0).all())
