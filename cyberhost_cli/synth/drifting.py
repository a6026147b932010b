"""Curves for what is never quite still."""

import numpy as np
from jaxtyping import Float64

Curve = Float64[np.ndarray, "f"]


def drift(random: np.random.Generator, times: Curve, slowest: float, fastest: float) -> Curve:
    """Return a smooth curve within -1..1: a few waves between two frequencies in hertz."""
    frequencies = random.uniform(slowest, fastest, 4)
    phases = random.uniform(0, 2 * np.pi, 4)
    weights = random.uniform(0.4, 1.0, 4)
    waves = np.sin(2 * np.pi * frequencies * times[:, None] + phases)
    return np.asarray(waves @ (weights / weights.sum()))


def ease(share: Float64[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """Return how far a movement of minimum jerk is after a share of its time."""
    share = np.clip(share, 0, 1)
    return np.asarray(share**3 * (10 - 15 * share + 6 * share**2))
