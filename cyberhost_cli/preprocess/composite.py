"""Puts the generated person back into the whole picture."""

import logging
import math

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image

from cyberhost_cli.config.inputs import PictureConfig
from cyberhost_cli.types import Frames, Pixels, Placement

logger = logging.getLogger(__name__)


def composite_size(placement: Placement, config: PictureConfig) -> tuple[int, int]:
    """Return width and height of the whole picture as a video: even, as H.264 wants them, and not too large."""
    share, whole = _scale(placement, config)
    width, height = (side * share // whole // 2 * 2 for side in (placement.picture_width, placement.picture_height))
    return width, height


class Compositor:
    """Pastes frames into the picture that they were cut from, with soft edges where the picture goes on."""

    def __init__(self, original: Pixels, placement: Placement, config: PictureConfig) -> None:
        share, whole = _scale(placement, config)
        scale = share / whole
        self.size = width, height = composite_size(placement, config)
        if scale < 1:
            logger.warning(
                "the picture is scaled down from %dx%d to %dx%d; a larger `picture.max_composite_side` keeps its size",
                *(placement.picture_width, placement.picture_height, width, height),
            )
            part = (0.0, 0.0, width / scale, height / scale)
            resized = Image.fromarray(original).resize((width, height), Image.Resampling.LANCZOS, box=part)
            self._background = np.asarray(resized)
        else:
            # One row or column less makes it even; nothing is resampled.
            self._background = original[:height, :width]
        box = placement.box
        feather = config.feather * min(box.width, box.height) * scale
        across = _Side(box.left * scale, box.right * scale, width, config.width)
        down = _Side(box.top * scale, box.bottom * scale, height, config.height)
        self._place = slice(down.first, down.last), slice(across.first, across.last)
        self._part = across.source[0], down.source[0], across.source[1], down.source[1]
        opacity = np.outer(down.opacity(feather), across.opacity(feather))
        self._mask = Image.fromarray(np.rint(opacity * 255).astype(np.uint8))
        self._below = Image.fromarray(np.ascontiguousarray(self._background[self._place]))

    def paste(self, frames: Frames) -> UInt8[np.ndarray, "f height width 3"]:
        """Return the whole picture with each of the frames in its place."""
        width, height = self.size
        pasted = np.empty((len(frames), height, width, 3), dtype=np.uint8)
        for number, pixels in enumerate(frames):
            pasted[number] = self._background
            person = Image.fromarray(pixels).resize(self._mask.size, Image.Resampling.LANCZOS, box=self._part)
            pasted[number][self._place] = np.asarray(Image.composite(person, self._below, self._mask))
        return pasted


class _Side:
    """One dimension of a frame that lies between `start` and `stop` in a picture of `length` pixels."""

    def __init__(self, start: float, stop: float, length: int, pixels: int) -> None:
        self._start, self._stop, self._length = start, stop, length
        # The whole pixels that are covered; parts of pixels lie at the edge, where nothing is to be seen of the frame.
        self.first, self.last = max(0, math.ceil(start)), min(length, math.floor(stop))
        finer = pixels / (stop - start)
        self.source = max(0.0, (self.first - start) * finer), min(float(pixels), (self.last - start) * finer)
        """What they show, in pixels of the frame."""

    def opacity(self, feather: float) -> Float64[np.ndarray, "n"]:
        """Return how much of the frame is to be seen at each pixel; ends beyond the picture are not faded."""
        middles = np.arange(self.first, self.last) + 0.5
        depth = np.full(len(middles), feather)
        if self._start > 0:
            depth = np.minimum(depth, middles - self._start)
        if self._stop < self._length:
            depth = np.minimum(depth, self._stop - middles)
        share = depth / feather
        return np.asarray(share**2 * (3 - 2 * share))


def _scale(placement: Placement, config: PictureConfig) -> tuple[int, int]:
    """Return the scale of the video to the picture as a fraction, at most 1."""
    longer = max(placement.picture_width, placement.picture_height)
    return min(longer, config.max_composite_side), longer
