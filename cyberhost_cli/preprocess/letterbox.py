"""Pictures of any shape in a frame of one size, as detectors want them."""

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image

from cyberhost_cli.types import Pixels


def letterbox(
    picture: Pixels, height: int, width: int, fill: int
) -> tuple[UInt8[np.ndarray, "{height} {width} 3"], Float64[np.ndarray, "2"]]:
    """Return the picture as large as fits at the frame's top left, and its true scales across and down.

    Both are told since each side is a whole number of pixels; antialiased, since large pictures shrink a lot.
    """
    rows, columns = picture.shape[:2]
    ratio = min(height / rows, width / columns)
    down, across = max(1, round(rows * ratio)), max(1, round(columns * ratio))
    frame = np.full((height, width, 3), fill, dtype=np.uint8)
    frame[:down, :across] = Image.fromarray(picture).resize((across, down), Image.Resampling.BILINEAR)
    return frame, np.array([across / columns, down / rows])
