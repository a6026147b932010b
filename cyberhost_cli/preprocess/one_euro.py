"""The One-Euro filter of Casiez, Roussel and Vogel (CHI 2012): steady at rest, quick in motion."""

import numpy as np
from jaxtyping import Bool, Float64

from cyberhost_cli.config.inputs import TrackingConfig
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import KeypointTrack

SPEED_CUTOFF = 1.0
"""Hertz of a point's speed that pass (Casiez et al.)."""

Places = Float64[np.ndarray, "f k 2"]
Known = Bool[np.ndarray, "f k"]


def smooth(track: KeypointTrack, fps: float, config: TrackingConfig) -> KeypointTrack:
    """Return the track without its jitter; a point starts anew wherever it was not known in the frame before.

    Speeds are measured in heights of the person, the median over the track. The filter runs forth and back over the
    track, and the mean of both lags neither way.
    """
    heights = [box.height for box in map(regions.extent, track) if box is not None]
    if not heights:
        return track
    height, known = float(np.median(heights)), track[:, :, 2] > 0
    places = track[:, :, :2].astype(np.float64) / height
    forth = _filter(places, known, fps, config)
    back = _filter(places[::-1], known[::-1], fps, config)[::-1]
    smoothed = track.copy()
    smoothed[:, :, :2] = (forth + back) * (height / 2)
    return smoothed


def _filter(places: Places, known: Known, fps: float, config: TrackingConfig) -> Places:
    """Return what algorithm 1 of the paper makes of every point; the speed is that of both coordinates together."""
    filtered = places.copy()
    velocity = np.zeros_like(places[0])
    for now in range(1, len(places)):
        step = places[now] - filtered[now - 1]
        velocity += _share(SPEED_CUTOFF, fps) * (step * fps - velocity)
        cutoff = config.min_cutoff + config.beta * np.linalg.norm(velocity, axis=1, keepdims=True)
        goes_on = (known[now] & known[now - 1])[:, None]
        filtered[now] = np.where(goes_on, filtered[now - 1] + _share(cutoff, fps) * step, places[now])
        velocity = np.where(goes_on, velocity, 0.0)
    return filtered


def _share(cutoff: float | np.ndarray, fps: float) -> float | np.ndarray:
    """Return how far a low-pass filter of so many hertz goes towards a new value within a frame."""
    return 1 / (1 + fps / (2 * np.pi * cutoff))
