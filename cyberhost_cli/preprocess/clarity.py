"""The hand clarity score: how sharp a hand is to be seen."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

SIDE = 128
"""Hands are compared at one size (paper)."""


def deviation(crop: UInt8[np.ndarray, "s s 3"]) -> float:
    """Return the standard deviation of the Laplacian of a hand's grey crop, in grey levels (paper)."""
    # Floats, since rounding to whole grey levels alone would have a Laplacian of 1.3.
    grey = Image.fromarray(crop).convert("L").convert("F")
    p = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    laplacian = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * p[1:-1, 1:-1]
    return float(laplacian.std())


def score(deviation: float, half: float) -> float:
    """Return a deviation as 0..1, where `half` is the one that scores one half: a checkpoint's typical hand (ours)."""
    return deviation / (deviation + half)
