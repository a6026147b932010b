"""Hands on their way from pose to pose, never quite still."""

import numpy as np
from jaxtyping import Float64

from cyberhost_cli.preprocess.gestures.plan import Keys
from cyberhost_cli.preprocess.gestures.poses import Pose

SLOW, FAST = 0.1, 0.5
"""Hertz of the waves that keep hands alive."""
WAVES = 4
AWAKE = np.array([0.008] * 3 + [0.04] * 6)
"""How far they carry the wrist, in lengths of the arm, and the two directions of the palm, in radians."""


def move(keys: Keys, times: Float64[np.ndarray, "f"], random: np.random.Generator) -> Pose:
    """Return the pose at every time: between two keys with the least jerk, before and after all of them at rest."""
    after = np.clip(np.searchsorted(keys.times, times, side="right"), 1, max(len(keys.times) - 1, 1))
    before, after = after - 1, np.minimum(after, len(keys.times) - 1)
    span = np.maximum(keys.times[after] - keys.times[before], 1e-9)
    way = np.clip((times - keys.times[before]) / span, 0, 1)
    share = (way**3 * (10 - 15 * way + 6 * way**2))[:, None]
    poses = keys.poses[before] * (1 - share) + keys.poses[after] * share
    poses[:, : len(AWAKE)] += AWAKE * _drift(times, len(AWAKE), random)
    return poses


def _drift(times: Float64[np.ndarray, "f"], curves: int, random: np.random.Generator) -> Float64[np.ndarray, "f c"]:
    """Return smooth curves within -1..1."""
    hertz, phases = random.uniform(SLOW, FAST, (WAVES, curves)), random.uniform(0, 2 * np.pi, (WAVES, curves))
    drift = np.zeros((len(times), curves))
    for speed, phase in zip(hertz, phases, strict=True):
        drift += np.sin(2 * np.pi * speed * times[:, None] + phase) / WAVES
    return drift
