"""DWPose: one ONNX model finds people, another their 133 points.

Of rtmlib only the parts that hold up are used. Its classes print, fetch, choose their own sessions, take any of YOLOX's
80 classes for people, see somebody in an empty picture, give both models one order of colours where they want two, and
call a point sure of which one coordinate is not known.
"""

from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64
from PIL import Image

from cyberhost_cli.preprocess import onnx_session, optional
from cyberhost_cli.preprocess.letterbox import letterbox
from cyberhost_cli.types import Box, Keypoints, Person, Pixels

NAME = "dwpose"
"""Of the weights and of our extra."""
USER = "the detector `dwpose`"

PEOPLE_SIDES, POINTS_SIDES = (640, 640), (384, 288)
"""Height and width of what the two models look at."""
STRIDES = (8, 16, 32)
GREY = 114
"""YOLOX's pictures are filled up with it."""
PERSON_SCORE, PERSON_OVERLAP = 0.3, 0.45
"""DWPose's own."""
PADDING = 1.25
"""A person is looked at in a box so much larger than theirs."""
MEAN = np.array([123.675, 116.28, 103.53], dtype=np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], dtype=np.float32)
BINS_PER_PIXEL = 2.0
"""The points' model tells a coordinate by how likely each of these bins is (SimCC)."""


class Dwpose:
    """Finds people first, then the points of each."""

    def __init__(self, folder: Path) -> None:
        self._overlaps = optional.need("rtmlib.tools.object_detection.post_processings", USER, NAME)
        self._crops = optional.need("rtmlib.tools.pose_estimation.pre_processings", USER, NAME)
        self._coordinates = optional.need("rtmlib.tools.pose_estimation.post_processings", USER, NAME)
        self._people = onnx_session.load(folder / "yolox_l.onnx", NAME, NAME, PEOPLE_SIDES, 1)
        self._points = onnx_session.load(folder / "dw-ll_ucoco_384.onnx", NAME, NAME, POINTS_SIDES, 2)

    def detect(self, picture: Pixels) -> list[Person]:
        """Return everybody, the surest first."""
        return [Person(self._keypoints(picture, box), box) for box in self._boxes(picture)]

    def _boxes(self, picture: Pixels) -> list[Box]:
        """Return the boxes of everybody as far as they lie in the picture."""
        height, width = picture.shape[:2]
        frame, scales = letterbox(picture, *PEOPLE_SIDES, GREY)
        # YOLOX was trained on BGR from 0 to 255.
        (rows,) = onnx_session.run(self._people, frame[:, :, ::-1].astype(np.float32))
        corners, scores = _decoded(rows[0])
        kept, _ = self._overlaps.multiclass_nms(corners, scores[:, None], PERSON_OVERLAP, PERSON_SCORE)
        if kept is None:
            return []
        inside = (kept[:, :4].reshape(-1, 2, 2) / scales).clip(0, (width, height)).reshape(-1, 4)
        return [box for box in (Box(*corner) for corner in inside.tolist()) if min(box.width, box.height) > 0]

    def _keypoints(self, picture: Pixels, box: Box) -> Keypoints:
        """Return the points of the person in the box, sure by their worse coordinate."""
        height, width = POINTS_SIDES
        # Large pictures are made coarser first: the crop itself reads four pixels and skips the others between.
        coarser = max(1, int(PADDING * max(box.width / width, box.height / height)))
        pixels = np.asarray(Image.fromarray(picture).reduce(coarser))
        centre, size = self._crops.bbox_xyxy2cs(
            np.array([box.left, box.top, box.right, box.bottom]) / coarser, padding=PADDING
        )
        crop, size = self._crops.top_down_affine((width, height), size, centre, pixels)
        across, down = onnx_session.run(self._points, (crop - MEAN) / DEVIATION)
        bins, _ = self._coordinates.get_simcc_maximum(across, down)
        # The crop was placed by pixels that are counted at their centres, from 0; ours lie at .5.
        places = (bins[0] / BINS_PER_PIXEL / (width, height) - 0.5) * size + centre + 0.5
        sure = np.minimum(across[0].max(axis=1), down[0].max(axis=1)).clip(0, 1)
        return np.concatenate([places * coarser, sure[:, None]], axis=1).astype(np.float32)


def _decoded(rows: Float32[np.ndarray, "n 85"]) -> tuple[Float64[np.ndarray, "n 4"], Float64[np.ndarray, "n"]]:
    """Return left, top, right, bottom in the frame and how likely it is a person for each of YOLOX's cells."""
    cells, strides = _cells()
    centres = (rows[:, :2] + cells) * strides
    halves = np.exp(rows[:, 2:4]) * strides / 2
    return np.concatenate([centres - halves, centres + halves], axis=1), (rows[:, 4] * rows[:, 5]).astype(np.float64)


@cache
def _cells() -> tuple[Float64[np.ndarray, "n 2"], Float64[np.ndarray, "n 1"]]:
    """Return column, row and size in pixels of YOLOX's cells, level by level."""
    cells, strides = [], []
    for stride in STRIDES:
        rows, columns = np.indices((PEOPLE_SIDES[0] // stride, PEOPLE_SIDES[1] // stride)).reshape(2, -1)
        cells.append(np.stack([columns, rows], axis=1))
        strides.append(np.full((len(rows), 1), stride))
    return np.concatenate(cells).astype(np.float64), np.concatenate(strides).astype(np.float64)
