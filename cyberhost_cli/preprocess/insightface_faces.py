"""InsightFace: SCRFD finds faces, ArcFace tells them apart."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from cyberhost_cli.preprocess import onnx_session, optional, regions
from cyberhost_cli.preprocess.letterbox import letterbox
from cyberhost_cli.types import Box, Face, Person, Pixels

EXTRA = "insightface"

FILES = {
    "buffalo_l": ("det_10g.onnx", "w600k_r50.onnx"),
    "antelopev2": ("scrfd_10g_bnkps.onnx", "glintr100.onnx"),
}
"""SCRFD and ArcFace of each of InsightFace's packs."""

SIDE = 640
"""SCRFD looks at a square of this side, and once more at an eighth of it for very large faces."""
SURROUNDINGS = 3.0
"""A person's face is sought in a square of so many face boxes: it is large there, however small in the picture."""

ALIGNED = 112
# fmt: off
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
# fmt: on
"""Where the five points lie in ArcFace's picture (Deng et al. 2019), in pixels counted at their centres from 0."""


class InsightFaces:
    """Finds faces by themselves, without bodies."""

    def __init__(self, pack: str, folder: Path) -> None:
        path = folder / FILES[pack][0]
        package = optional.need("insightface.model_zoo.scrfd", "the face detector `insightface`", EXTRA)
        session = onnx_session.load(path, pack, EXTRA, (SIDE, SIDE), 9)
        # Else it makes another session for each size that it looks at.
        self._net = package.SCRFD(str(path), session, static_shape_sessions=False)

    def detect(self, picture: Pixels) -> list[Face]:
        """Return every face, the surest first."""
        # Letterboxed here: its own rounds the sides down and then takes one scale for both.
        frame, scales = letterbox(picture, SIDE, SIDE, 0)
        boxes, points = self._net.detect(np.ascontiguousarray(frame[:, :, ::-1]))
        # It counts pixels at their centres from 0, as do the pictures that ArcFace was trained on.
        corners = (boxes[:, :4].reshape(-1, 2, 2) / scales + 0.5).reshape(-1, 4).tolist()
        places = (points / scales + 0.5).astype(np.float32)
        return [
            Face(Box(*corner), place, score)
            for corner, place, score in zip(corners, places, boxes[:, 4].tolist(), strict=True)
        ]

    def face_of(self, picture: Pixels, person: Person, /) -> Face | None:
        """Return the face found nearest to the middle of the person's face box, and within it."""
        box = regions.face_box(person.keypoints)
        if box is None:
            return None
        x, y = box.centre
        half = SURROUNDINGS * box.width / 2
        left, top, right, bottom = (max(0, round(side)) for side in (x - half, y - half, x + half, y + half))
        part = np.ascontiguousarray(picture[top:bottom, left:right])
        if part.size == 0:
            return None
        faces = [_moved(face, left, top) for face in self.detect(part)]
        within = [face for face in faces if _distance(face, box) < box.width / 2]
        return min(within, key=lambda face: _distance(face, box), default=None)


class ArcfaceEmbedder:
    """Turns a face upright and into a vector."""

    def __init__(self, pack: str, folder: Path) -> None:
        path = folder / FILES[pack][1]
        package = optional.need("insightface.model_zoo.arcface_onnx", "the embedder `arcface`", EXTRA)
        session = onnx_session.load(path, pack, EXTRA, (ALIGNED, ALIGNED), 1)
        self._net = package.ArcFaceONNX(str(path), session)

    def embed(self, picture: Pixels, face: Face) -> Float32[np.ndarray, "d"]:
        """Return the face's identity, as long as the network makes it: so Hallo was trained to read it."""
        identity: np.ndarray = self._net.get_feat(np.ascontiguousarray(align(picture, face)[:, :, ::-1])).ravel()
        return identity


def align(picture: Pixels, face: Face) -> UInt8[np.ndarray, "112 112 3"]:
    """Return the face moved, turned and scaled so that its five points come nearest to ArcFace's; black beyond.

    With points as complex numbers the nearest similarity is a line through their middles, by least squares: Umeyama's
    without mirroring. InsightFace's own calls what scikit-image is about to remove, and skips pixels of large faces.
    """
    points = face.points @ np.array([1, 1j])
    wanted = (TEMPLATE + 0.5) @ np.array([1, 1j])
    offsets = points - points.mean()
    turn = np.vdot(offsets, wanted) / np.vdot(offsets, offsets)
    back = 1 / turn
    start = points.mean() - back * wanted.mean()
    coarser = max(1, int(abs(back)))
    back, start = back / coarser, start / coarser
    matrix = (back.real, -back.imag, start.real, back.imag, back.real, start.imag)
    coarse = Image.fromarray(picture).reduce(coarser)
    return np.array(coarse.transform((ALIGNED, ALIGNED), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))


def _moved(face: Face, left: int, top: int) -> Face:
    box = Box(face.box.left + left, face.box.top + top, face.box.right + left, face.box.bottom + top)
    return replace(face, box=box, points=face.points + np.array([left, top], dtype=np.float32))


def _distance(face: Face, box: Box) -> float:
    return math.dist(face.box.centre, box.centre)
