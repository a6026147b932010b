"""Trunk and head of somebody who speaks: the weight shifts within the movement map, the head is never quite still."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex128, Float64

from cyberhost_cli.preprocess.gestures.plan import Strokes

SLOW, FAST = 0.1, 0.4
"""Hertz of the waves that a body goes in."""
WAVES = 4
NEAREST = 4.0
"""Seconds in which a body may go its whole way to and fro; in shorter clips a part of it is seen."""
RISES = 0.3
"""How far it goes up and down beside to and fro."""
ASIDE, UP = 0.05, 0.03
"""How far the head goes beside the trunk, in heights of the face."""
TILT = 0.04
"""Radians by which it tilts."""
NOD, RISE, FALL = 0.05, 0.2, 0.35
"""Heights of the face by which it nods on the largest strokes, and the seconds before and after one that this takes."""
FAR = 5.0
"""How many times as long nothing is left of it."""
STEP = 0.04

Curve = Float64[np.ndarray, "f"]
Way = Complex128[np.ndarray, "f"]


@dataclass(frozen=True)
class Sway:
    """How a body moves, x + iy in pixels."""

    trunk: Way
    head: Way
    """Of the middle of the face; the trunk's way included."""
    tilt: Curve
    """Radians, clockwise."""


def sway(times: Curve, strokes: Strokes, reach: float, face: float, random: np.random.Generator) -> Sway:
    """Let the trunk move in a rectangle of `reach` pixels, and a head whose face is `face` pixels high with it."""
    aside, rises, *beside = _curves(times, 5, random)
    trunk = reach / 2 * (aside + 1j * RISES * rises)
    nods = NOD * _pulses(times, strokes)
    return Sway(trunk, trunk + face * (ASIDE * beside[0] + 1j * (UP * beside[1] + nods)), TILT * beside[2])


def _pulses(times: Curve, strokes: Strokes) -> Curve:
    """Return a curve that swells towards each stroke and dies away; of several the largest counts."""
    pulses = np.zeros_like(times)
    for time, size in zip(strokes.times, strokes.sizes, strict=True):
        # All others are too far away: an hour has thousands of strokes.
        near = slice(*np.searchsorted(times, (time - FAR * RISE, time + FAR * FALL)))
        since = times[near] - time
        pulse = size * np.exp(-2 * (since / np.where(since < 0, RISE, FALL)) ** 2)
        pulses[near] = np.maximum(pulses[near], pulse)
    return pulses


def _curves(times: Curve, count: int, random: np.random.Generator) -> list[Curve]:
    """Return smooth curves that, given time, go all the way from -1 to 1."""
    grid = np.arange(0, max(float(times[-1]), NEAREST) + 2 * STEP, STEP)
    curves = []
    for hertz, phases in zip(
        random.uniform(SLOW, FAST, (count, WAVES)), random.uniform(0, 2 * np.pi, (count, WAVES)), strict=True
    ):
        waves = sum(np.sin(2 * np.pi * speed * grid + phase) for speed, phase in zip(hertz, phases, strict=True))
        middle, half = (waves.max() + waves.min()) / 2, np.ptp(waves) / 2
        curves.append(np.interp(times, grid, (waves - middle) / half))
    return curves
