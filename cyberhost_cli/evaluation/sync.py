"""How well a mouth follows a recording."""

import numpy as np
from jaxtyping import Float32

NEAR, FAR = 1, 10
"""Frames by which the mouth may be early or late: still in time, and at all."""
_STILL = 1e-5
"""A mouth whose opening deviates less than this, in heights of the face, does not move."""


def correlation(mouth: Float32[np.ndarray, "f"], driver: Float32[np.ndarray, "f"], lag: int = 0) -> float:
    """Return Pearson's correlation of a mouth that comes `lag` frames after its driver; 0 where one does not move."""
    late, early = max(lag, 0), max(-lag, 0)
    frames = len(mouth)
    mouth, driver = mouth[late : frames - early], driver[early : frames - late]
    if len(mouth) < 2 or mouth.std() < _STILL or driver.std() < _STILL:
        return 0.0
    return float(np.corrcoef(mouth, driver)[0, 1])


def best(mouth: Float32[np.ndarray, "f"], driver: Float32[np.ndarray, "g"], reach: int) -> tuple[float, int]:
    """Return the highest correlation at lags of at most `reach` frames, and its lag, over the shorter curve."""
    frames = min(len(mouth), len(driver))
    mouth, driver = mouth[:frames], driver[:frames]
    # The smaller of two lags that are as good.
    lags = sorted(range(-reach, reach + 1), key=abs)
    lag = max(lags, key=lambda each: correlation(mouth, driver, each))
    return correlation(mouth, driver, lag), lag
