"""The hand clarity score: how sharp a hand is to be seen."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

SIDE = 128
"""Hands are compared at one size (paper)."""
HALF = 4.0
"""Standard deviation of the Laplacian, in grey levels, that scores one half (ours); sharp crops have 20 to 40."""


def hand_clarity(crop: UInt8[np.ndarray, "s s 3"]) -> float:
    """Return x / (x + HALF) of the standard deviation x of the Laplacian of the grey crop, 0 blurred or empty .. 1."""
    # Floats, since rounding to whole grey levels alone would have a Laplacian of 1.3.
    grey = Image.fromarray(crop).convert("L").convert("F")
    p = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    laplacian = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * p[1:-1, 1:-1]
    deviation = float(laplacian.std())
    return deviation / (deviation + HALF)
