"""Where background, face and lips are in a picture, as Hallo (Xu et al. 2024) was told in its training."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from PIL import Image

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import FACE, Box, FaceMasks, Keypoints

OUTLINE, BROWS = slice(FACE.start, FACE.start + 27), slice(FACE.start + 17, FACE.start + 27)
"""Jaw and brows; brows alone."""
CHIN, NASION = FACE.start + 8, FACE.start + 27
FOREHEAD = 0.2
"""How far above the brows MediaPipe's outline of a face ends, whose extremes Hallo takes, in chin to nasion (ours).

On 48 photographs and paintings and 6 rendered actors the rectangles share 0.96 of their union on average."""
LIPS_GROWTH = 2.0
"""Sides of the lips' rectangle in those of the lips (Hallo)."""
SIDE = 64
"""Soft masks have this many rows and columns, whatever the picture's shape (Hallo)."""
FACE_BLUR, LIPS_BLUR = 51, 31
"""Cells that the blur of a mask reaches over (Hallo)."""


def read_by(model: ModelConfig) -> bool:
    """Tell whether a model reads masks of the face."""
    return "face" in model.priors.maps or (model.audio.enabled and model.audio.place == "modules")


def draw(keypoints: Keypoints, growth: float, height: int, width: int) -> FaceMasks:
    """Return the masks of the face in a picture; its rectangle is `growth` times as large as the face.

    Raises:
        InputError: the outline of the face or its lips are not known.
    """
    face, lips = regions.extent(_outline(keypoints)), regions.extent(keypoints[regions.MOUTH])
    if face is None or lips is None:
        part = "outline of the face is" if face is None else "lips are"
        raise InputError(f"the {part} not found in the picture", "use a sharp picture in which nothing covers the face")
    region = _rectangle(face, growth, height, width)
    around = _soft(region, FACE_BLUR)
    mouth = _soft(_rectangle(lips, LIPS_GROWTH, height, width), LIPS_BLUR)
    soft = (255 - around, around - np.minimum(around, mouth), mouth)
    return FaceMasks(region, *soft)


def pyramid(masks: FaceMasks, sides: Sequence[tuple[int, int]]) -> list[Float32[np.ndarray, "3 _h _w"]]:
    """Return background, face and lips, 0..1, on each of the grids (rows, columns)."""
    pictures = [Image.fromarray(mask) for mask in (masks.background, masks.face, masks.lips)]
    return [
        np.stack([np.asarray(picture.resize((columns, rows), Image.Resampling.BILINEAR)) for picture in pictures])
        / np.float32(255)
        for rows, columns in sides
    ]


def _outline(keypoints: Keypoints) -> Float32[np.ndarray, "k 3"]:
    """Return jaw, brows and forehead; nothing known where chin or nasion are not, which tell where up is."""
    brows, chin, nasion = keypoints[BROWS].copy(), keypoints[CHIN], keypoints[NASION]
    brows[:, :2] += FOREHEAD * (nasion - chin)[:2]
    outline = np.concatenate([keypoints[OUTLINE], brows])
    outline[:, 2] *= min(chin[2], nasion[2])
    return outline


def _rectangle(box: Box, growth: float, height: int, width: int) -> UInt8[np.ndarray, "{height} {width}"]:
    """Return a mask of the box, grown about its middle."""
    mask = np.zeros((height, width), dtype=np.uint8)
    rows, columns = _grown(box.top, box.bottom, growth, height), _grown(box.left, box.right, growth, width)
    mask[rows, columns] = 255
    return mask


def _grown(start: float, stop: float, growth: float, length: int) -> slice:
    """Return the whole pixels of a grown range, moved into the picture; rounded as Hallo does."""
    low, high = round(start), round(stop)
    middle, half = (low + high) // 2, int((high - low) * growth // 2)
    first = max(0, min(middle - half, length - 2 * half))
    return slice(first, min(first + 2 * half, length))


def _soft(mask: UInt8[np.ndarray, "H W"], blur: int) -> UInt8[np.ndarray, "64 64"]:
    """Return a rectangle's mask coarser, blurred and stretched to 0..255.

    To a level what OpenCV's `resize`, `GaussianBlur` and `normalize` make of it where 64 divides the picture's sides;
    the kernel sums to one, so that blurred sides of a rectangle can be multiplied.
    """
    kernel = _kernel(blur)
    rows, columns = (np.pad(_cells(mask.max(axis=axis)), blur // 2, mode="reflect") for axis in (1, 0))
    blurred = np.floor(np.outer(*(np.convolve(line, kernel, mode="valid") for line in (rows, columns))) * 255 + 0.5)
    # A rectangle that falls between the samples leaves nothing.
    contrast = np.ptp(blurred) or 1.0
    stretched: np.ndarray = np.rint((blurred - blurred.min()) * (255 / contrast)).astype(np.uint8)
    return stretched


def _cells(line: UInt8[np.ndarray, "n"]) -> Float64[np.ndarray, "64"]:
    """Return one side of a rectangle, 0..1 in 255ths, taken between the two pixels nearest to each cell's middle."""
    places = (np.arange(SIDE) + 0.5) * (len(line) / SIDE) - 0.5
    return np.floor(np.interp(places, np.arange(len(line)), line) + 0.5) / 255


def _kernel(blur: int) -> Float64[np.ndarray, "{blur}"]:
    """Return OpenCV's kernel of this length for 8-bit pictures: a gaussian in whole 256ths, what is lost carried on."""
    reach = blur // 2
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (0.3 * (reach - 1) + 0.8)) ** 2)
    sums = np.rint(np.cumsum(256 * bell / bell.sum())[:reach])
    half = np.diff(sums, prepend=0)
    return np.concatenate([half, [256 - 2 * half.sum()], half[::-1]]) / 256
