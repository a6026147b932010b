"""Whether hands move as real ones do, and stay."""

import numpy as np
from jaxtyping import Bool, Float32, Float64

from cyberhost_cli.evaluation.readers import Reading
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, KeypointTrack

PARTS = (LEFT_HAND, RIGHT_HAND)


def there(track: KeypointTrack) -> Bool[np.ndarray, "f 2"]:
    """Tell in which frames the left and the right hand are known."""
    return np.array([[regions.extent(each[part]) is not None for part in PARTS] for each in track])


def variance(reading: Reading, shown: Bool[np.ndarray, "2"], height: int) -> float | None:
    """Return the variance over time of where hand points are in the picture, in squared heights of the picture.

    The mean over the points of the hands that are `shown`, x and y added up, over the frames in which a hand is seen;
    None where no hand is seen in two frames. It is about HKV of the paper, and counts the way of the whole hand too.
    """
    found = []
    for side, part in enumerate(PARTS):
        places = reading.keypoints[reading.seen[:, side], part, :2] / height
        if shown[side] and len(places) > 1:
            found.append(_spread(places))
    return float(np.mean(found)) if found else None


def lost(reading: Reading, shown: Bool[np.ndarray, "2"]) -> float | None:
    """Return in which share of the frames that hand of those `shown` is lost that is lost more; None for no hands."""
    missing = 1 - reading.seen.mean(axis=0)
    return float(missing[shown].max()) if shown.any() else None


def _spread(places: Float32[np.ndarray, "f k 2"]) -> float:
    squares: Float64[np.ndarray, "k 2"] = places.astype(np.float64).var(axis=0)
    return float(squares.sum(axis=1).mean())
