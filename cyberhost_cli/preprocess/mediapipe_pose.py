"""The offline detector: MediaPipe, whose weights come inside its wheel."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.optional import need
from cyberhost_cli.types import BODY, FACE, FEET, KEYPOINTS, LEFT_HAND, RIGHT_HAND, Box, Keypoints, Person, Pixels

FACE_CONFIDENCE = 0.5
"""MediaPipe's own."""
LARGE = 1 / 5
"""Where a face takes this share of the picture's shorter side, nobody of like size is overlooked at first sight."""
VIEWS = (9.0, 5.0, 3.0)
"""Sides of the cut-outs in which one person is sought, in face boxes; a wide one may hold somebody more striking."""
MESH_VIEW = 2.0
"""Side of the cut-out in which a turned face is looked at alone, in face boxes."""
FINE = 512
"""Smaller pictures are enlarged to this side."""
SAME = 0.3
"""Boxes that share this much of the smaller one are one face."""
NOTHING = np.zeros((64, 64, 3), dtype=np.uint8)

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
        solutions = need("mediapipe.python.solutions", "the detector `mediapipe`", "offline")
        with _muted():
            self._faces = [
                solutions.face_detection.FaceDetection(model_selection=reach, min_detection_confidence=FACE_CONFIDENCE)
                for reach in (0, 1)
            ]
            self._mesh = solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True)
            self._holistic = solutions.holistic.Holistic(
                static_image_mode=True, model_complexity=1, refine_face_landmarks=True
            )
            # They start in threads of their own, and a first picture waits for what those have to say.
            for part in (*self._faces, self._mesh, self._holistic):
                part.process(NOTHING)
        self._remembers = False

    def detect(self, picture: Pixels) -> list[Person]:
        """Return everybody whose face is found; without one, whoever is found from the body alone."""
        height, width = picture.shape[:2]
        whole = Box(0.0, 0.0, float(width), float(height))
        with _muted():
            faces = self._find_faces(picture, whole)
            if not any(box.height >= LARGE * min(height, width) for _, box in faces):
                faces += [face for part in _parts(whole) for face in self._find_faces(picture, part)]
            if faces:
                # Cut-outs about several faces may be the same one.
                striking = cache(lambda part: self._striking(picture, part))
                found = [self._person_with(face, picture, whole, striking) for face in _distinct(faces)]
            else:
                found = [self._striking(picture, whole)]
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

    def _person_with(
        self, face: Box, picture: Pixels, whole: Box, striking: Callable[[Box], Keypoints | None]
    ) -> Keypoints | None:
        """Return the keypoints of the person with this face, whom `striking` finds in some part of the picture."""
        for view in VIEWS:
            keypoints = striking(_around(face, view, whole))
            if keypoints is not None and _holds(face, keypoints):
                if not keypoints[FACE, 2].any():
                    return self._look_closer(picture, face, whole, keypoints)
                return keypoints
        return None

    def _striking(self, picture: Pixels, part: Box) -> Keypoints | None:
        """Return the keypoints of the most striking person in one part of the picture."""
        # Though told that pictures are single, it looks for face and hands where it saw the last ones. Where it sees
        # nobody it forgets them as after a reset, which would take more time than the picture.
        if self._remembers:
            self._holistic.process(NOTHING)
        found = self._holistic.process(_enlarged(_cut(picture, part)))
        self._remembers = found.pose_landmarks is not None
        if found.pose_landmarks is None:
            return None
        keypoints = np.zeros((KEYPOINTS, 3), dtype=np.float32)
        body = _points(found.pose_landmarks.landmark, part)
        keypoints[BODY] = body[list(BODY_33)]
        keypoints[[FEET.start + place for place in FEET_33]] = body[list(FEET_33.values())]
        if found.face_landmarks is not None:
            _put_face(keypoints, _points(found.face_landmarks.landmark, part, 1.0))
        for place, hand in ((LEFT_HAND, found.left_hand_landmarks), (RIGHT_HAND, found.right_hand_landmarks)):
            if hand is not None:
                keypoints[place] = _points(hand.landmark, part, 1.0)
        return keypoints

    def _look_closer(self, picture: Pixels, face: Box, whole: Box, keypoints: Keypoints) -> Keypoints:
        """Return the keypoints with those of a face that was not seen beside its body, mostly a turned one."""
        (x, y), half = face.centre, MESH_VIEW * face.width / 2
        part = _snapped(Box(x - half, y - half, x + half, y + half), whole)
        for found in self._mesh.process(_enlarged(_cut(picture, part))).multi_face_landmarks or ():
            closer = keypoints.copy()
            _put_face(closer, _points(found.landmark, part, 1.0))
            if _holds(face, closer):
                return closer
        return keypoints


def _put_face(keypoints: Keypoints, mesh: Float32[np.ndarray, "478 3"]) -> None:
    keypoints[FACE] = mesh[list(FACE_478)]
    keypoints[: len(HEAD_478), :2] = mesh[list(HEAD_478), :2]


def _points(landmarks: Iterable[Landmark], part: Box, confidence: float | None = None) -> Float32[np.ndarray, "k 3"]:
    """Return places in the picture of what was found in a part of it, and confidence, given for the body only."""
    shares = np.array(
        [(point.x, point.y, point.visibility if confidence is None else confidence) for point in landmarks],
        dtype=np.float32,
    )
    scale = np.array([part.width, part.height, 1], dtype=np.float32)
    return shares * scale + np.array([part.left, part.top, 0], dtype=np.float32)


def _seen(keypoints: Keypoints, width: int, height: int) -> Box | None:
    """Box the points that lie in the picture, None if they are too few for a person."""
    x, y, _ = keypoints.T
    return regions.extent(keypoints[(x >= 0) & (x < width) & (y >= 0) & (y < height)])


def _parts(whole: Box) -> list[Box]:
    """Return overlapping parts, half as long and none a strip, in which a small face is large enough to be found."""
    shorter = min(whole.width, whole.height)
    width, height = min(whole.width / 2, shorter), min(whole.height / 2, shorter)
    corners = [(left, top) for top in _starts(whole.height, height) for left in _starts(whole.width, width)]
    return [_snapped(Box(left, top, left + width, top + height), whole) for left, top in corners]


def _starts(length: float, part: float) -> list[float]:
    """Return where parts begin that cover the length and overlap by half or more."""
    starts: list[float] = np.linspace(0, length - part, 1 + int(np.ceil(2 * (length - part) / part))).tolist()
    return starts


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


def _holds(box: Box, keypoints: Keypoints) -> bool:
    """Tell whether the middle of the face, or of nose, eyes and ears where no face was found, lies in the box."""
    face = keypoints[FACE] if keypoints[FACE, 2].any() else keypoints[: len(HEAD_478)]
    x, y, _ = face.mean(axis=0).tolist()
    return bool(box.left <= x <= box.right and box.top <= y <= box.bottom)


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
