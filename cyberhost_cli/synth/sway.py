"""How the whole upper body moves: shifts of weight that carry it aside and lean the spine."""

from dataclasses import dataclass

import numpy as np

from cyberhost_cli.synth import turning
from cyberhost_cli.synth.body import Rotations
from cyberhost_cli.synth.drifting import Curve, drift, ease
from cyberhost_cli.synth.turning import Vectors

_WIDEST = 0.15
"""Range of the chest over a clip as a share of the frame's width, at most."""
_LEVER = 0.3
"""Metres of chest above the spine's lower joints, about which it leans."""
_LEAN = 0.45
"""Share of the way aside that leaning goes; carrying the whole body goes the rest."""
_NEAREST = 4.0
"""Seconds in which a body may go its whole way to and fro; in shorter clips a part of it is seen."""
_STEP = 0.02


@dataclass(frozen=True)
class Sway:
    """Where the body is carried in metres, and how it leans."""

    shift: Vectors
    lean: Rotations
    roll: Curve
    """Radians by which the spine leans aside in all; the head makes up for some of it."""


def sway(random: np.random.Generator, times: Curve, width: float) -> Sway:
    """Draw how far and how a body sways; `width` is that of the frame in metres."""
    way = random.uniform(0, _WIDEST) * width
    aside = way * _wander(random, times)
    rises = 0.3 * way * random.uniform(0.2, 1.0) * _wander(random, times)
    nears = 0.5 * way * random.uniform(0.0, 1.0) * _wander(random, times)
    roll, pitch = _LEAN * aside / _LEVER, 0.6 * nears / _LEVER
    shift = np.stack([(1 - _LEAN) * aside, -0.4 * nears, rises - 0.15 * np.abs(aside)], axis=1)
    twist = np.radians(random.uniform(0.5, 3.0)) * drift(random, times, 0.05, 0.25)
    names = ("spine05", "spine03", "spine01")
    part = turning.single(turning.euler(pitch / len(names), roll / len(names), twist / len(names)))
    return Sway(shift, dict.fromkeys(names, part), roll)


def _wander(random: np.random.Generator, times: Curve) -> Curve:
    """Return a smooth curve about 0 that covers a range of 1: shifts of weight from stand to stand, and drift."""
    grid = np.arange(0, max(float(times[-1]), _NEAREST) + 2 * _STEP, _STEP)
    stands, moments = [random.uniform(-1, 1)], list[float]()
    moment = random.uniform(0.0, 1.2)
    while moment < grid[-1]:
        moments.append(moment)
        stands.append(float(np.clip(-0.6 * np.sign(stands[-1]) + random.normal(0, 0.5), -1, 1)))
        moment += random.uniform(1.0, 2.4)
    curve = 0.35 * drift(random, grid, 0.08, 0.35) + stands[0]
    for before, after, start in zip(stands[:-1], stands[1:], moments, strict=True):
        curve += (after - before) * ease((grid - start) / random.uniform(0.9, 1.5))
    curve -= (curve.max() + curve.min()) / 2
    return np.interp(times, grid, curve / np.ptp(curve))
