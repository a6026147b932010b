"""The offline detector: MediaPipe, whose weights come inside its wheel."""

import importlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import BODY, FACE, FEET, KEYPOINTS, LEFT_HAND, RIGHT_HAND, Box, Keypoints, Person, Pixels

FACE_CONFIDENCE = 0.5
"""MediaPipe's own."""
VIEWS = (9.0, 5.0, 3.0)
"""Sides of the cut-outs in which one person is sought, in face boxes; a wide one may hold somebody more striking."""
FINE = 512
"""Smaller pictures are enlarged to this side."""
SAME = 0.3
"""Boxes that share this much of the smaller one are one face."""

# Points of MediaPipe's 33 that are COCO's 17; the small toes are not among them.
BODY_33 = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
FEET_33 = {0: 31, 2: 29, 3: 32, 5: 30}
"""Place within COCO's six feet points: big toe and heel of the left and the right foot."""
# fmt: off
FACE_478 = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,  # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 4, 98, 97, 2, 326, 327,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91,  # outer lips
    78, 81, 13, 311, 308, 402, 14, 178,  # inner lips
)
# fmt: on
"""Points of MediaPipe's face mesh that lie on the 68 of COCO-WholeBody."""
HEAD_478 = (4, 473, 468, 454, 234)
"""Nose, irises and ears in the face mesh, left before right; it places them better than the body model does."""


@runtime_checkable
class Landmark(Protocol):
    """What MediaPipe says of one point; x and y as shares of the picture."""

    x: float
    y: float
    visibility: float


class MediapipePose:
    """Finds faces first, then for every face its person."""

    def __init__(self) -> None:
        with _muted():
            solutions = _solutions()
            self._faces = [
                solutions.face_detection.FaceDetection(model_selection=reach, min_detection_confidence=FACE_CONFIDENCE)
                for reach in (0, 1)
            ]
            self._holistic = solutions.holistic.Holistic(
                static_image_mode=True, model_complexity=1, refine_face_landmarks=True
            )
            # They start in threads of their own, and a first picture waits for what those have to say.
            for part in (*self._faces, self._holistic):
                part.process(np.zeros((64, 64, 3), dtype=np.uint8))

    def detect(self, picture: Pixels) -> list[Person]:
        """Return everybody whose face is found; without one, whoever is found from the body alone."""
        height, width = picture.shape[:2]
        whole = Box(0.0, 0.0, float(width), float(height))
        with _muted():
            faces = self._find_faces(picture, whole)
            if not faces:
                faces = [face for part in _parts(whole) for face in self._find_faces(picture, part)]
            if faces:
                found = [self._follow(picture, face, whole) for face in _distinct(faces)]
            else:
                found = [self._holistic_in(picture, whole)]
        boxed = [(keypoints, _seen(keypoints, width, height)) for keypoints in found if keypoints is not None]
        return [Person(keypoints, box) for keypoints, box in boxed if box is not None]

    def _find_faces(self, picture: Pixels, part: Box) -> list[tuple[float, Box]]:
        """Return score and box of the faces in one part of the picture."""
        cut = _cut(picture, part)
        height, width = cut.shape[:2]
        faces = []
        for detector in self._faces:
            for detection in detector.process(cut).detections or ():
                box = detection.location_data.relative_bounding_box
                left, top = part.left + box.xmin * width, part.top + box.ymin * height
                faces.append((detection.score[0], Box(left, top, left + box.width * width, top + box.height * height)))
        return faces

    def _follow(self, picture: Pixels, face: Box, whole: Box) -> Keypoints | None:
        """Return the keypoints of the person with this face."""
        for view in VIEWS:
            keypoints = self._holistic_in(picture, _around(face, view, whole))
            if keypoints is not None and _holds(face, keypoints[FACE]):
                return keypoints
        return None

    def _holistic_in(self, picture: Pixels, part: Box) -> Keypoints | None:
        """Return the keypoints of the most striking person in one part of the picture."""
        cut = _cut(picture, part)
        # Though told that pictures are single, it looks for face and hands where it saw the last ones.
        self._holistic.reset()
        found = self._holistic.process(_enlarged(cut))
        if found.pose_landmarks is None:
            return None
        keypoints = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        body = _points(found.pose_landmarks.landmark)
        keypoints[BODY] = body[list(BODY_33)]
        keypoints[[FEET.start + place for place in FEET_33]] = body[list(FEET_33.values())]
        if found.face_landmarks is not None:
            face = _points(found.face_landmarks.landmark, 1.0)
            keypoints[FACE] = face[list(FACE_478)]
            keypoints[: len(HEAD_478), :2] = face[list(HEAD_478), :2]
        for place, hand in ((LEFT_HAND, found.left_hand_landmarks), (RIGHT_HAND, found.right_hand_landmarks)):
            if hand is not None:
                keypoints[place] = _points(hand.landmark, 1.0)
        scale = np.array([cut.shape[1], cut.shape[0], 1], dtype=np.float32)
        return keypoints * scale + np.array([part.left, part.top, 0], dtype=np.float32)


def _solutions() -> ModuleType:
    try:
        return importlib.import_module("mediapipe.python.solutions")
    except ImportError as error:
        raise CyberHostError(
            "the detector `mediapipe` is not installed", "install it with `pip install 'cyberhost[offline]'`"
        ) from error


def _points(landmarks: Iterable[Landmark], confidence: float | None = None) -> Float32[np.ndarray, "k 3"]:
    """Return x, y and confidence, which MediaPipe gives for the body only."""
    return np.array(
        [(point.x, point.y, point.visibility if confidence is None else confidence) for point in landmarks],
        dtype=np.float32,
    )


def _seen(keypoints: Keypoints, width: int, height: int) -> Box | None:
    """Box the points that lie in the picture, None if they are too few for a person."""
    x, y, _ = keypoints.T
    return regions.extent(keypoints[(x >= 0) & (x < width) & (y >= 0) & (y < height)])


def _parts(whole: Box) -> list[Box]:
    """Return nine overlapping quarters, in which a small face is large enough to be found."""
    width, height = whole.width / 2, whole.height / 2
    corners = [(column * width / 2, row * height / 2) for row in range(3) for column in range(3)]
    return [_snapped(Box(left, top, left + width, top + height), whole) for left, top in corners]


def _around(face: Box, view: float, whole: Box) -> Box:
    """Return a square `view` faces wide about the face, most of it below, as far as it lies in the picture."""
    x, y = face.centre
    side = view * face.width
    return _snapped(Box(x - side / 2, y - side / 3, x + side / 2, y + side * 2 / 3), whole)


def _snapped(part: Box, whole: Box) -> Box:
    """Return the whole pixels that the part touches."""
    return Box(
        max(whole.left, float(np.floor(part.left))),
        max(whole.top, float(np.floor(part.top))),
        min(whole.right, float(np.ceil(part.right))),
        min(whole.bottom, float(np.ceil(part.bottom))),
    )


def _cut(picture: Pixels, part: Box) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return the pixels of a part, as MediaPipe wants them in memory."""
    rows, columns = slice(int(part.top), int(part.bottom)), slice(int(part.left), int(part.right))
    return np.ascontiguousarray(picture[rows, columns])


def _enlarged(pixels: Pixels) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return small pictures in twice the size or more: MediaPipe places points in them only half as well."""
    finer = -(-FINE // max(pixels.shape[:2]))
    size = (pixels.shape[1] * finer, pixels.shape[0] * finer)
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)) if finer > 1 else pixels


def _distinct(faces: list[tuple[float, Box]]) -> list[Box]:
    """Return one box per face, the surest."""
    kept: list[Box] = []
    for _, box in sorted(faces, key=lambda face: face[0], reverse=True):
        if not any(_overlap(box, other) > SAME for other in kept):
            kept.append(box)
    return kept


def _overlap(one: Box, other: Box) -> float:
    """Return the common area as a share of the smaller box, so that half a face at an edge is the same face."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, width) * max(0.0, height) / min(one.width * one.height, other.width * other.height)


def _holds(box: Box, face: Float32[np.ndarray, "68 3"]) -> bool:
    """Tell whether a face was found and has its middle in the box."""
    x, y, confidence = face.mean(axis=0).tolist()
    return bool(confidence > 0 and box.left <= x <= box.right and box.top <= y <= box.bottom)


@contextmanager
def _muted() -> Iterator[None]:
    """Keep MediaPipe's C++ parts, which write to file descriptor 2 whatever they are told, off the user's terminal."""
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(sink)
        os.close(kept)
