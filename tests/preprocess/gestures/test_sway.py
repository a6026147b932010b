import tracemalloc

import numpy as np
import pytest

from cyberhost_cli.preprocess.gestures.plan import Strokes
from cyberhost_cli.preprocess.gestures.sway import NOD, sway

FPS = 25
NONE = Strokes(np.zeros(0), np.zeros(0), np.zeros(0))


def times(seconds):
    return (np.arange(round(seconds * FPS)) + 0.5) / FPS


def swaying(seconds=30.0, strokes=NONE, reach=20.0, face=40.0, seed=0):
    return sway(times(seconds), strokes, reach, face, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(3))
def test_the_trunk_fills_its_rectangle_and_stays_within(seed):
    trunk = swaying(seed=seed).trunk
    assert 18 < np.ptp(trunk.real) <= 20.001
    assert abs(trunk.real).max() <= 10.001
    assert abs(trunk.imag).max() < 10
    # Nothing jumps: to and fro takes seconds.
    assert abs(np.diff(trunk)).max() < 1.5


def test_it_sways_as_far_as_the_movement_map_is_large():
    ranges = [np.ptp(swaying(4.0, reach=reach).trunk.real) for reach in (0.0, 5.0, 10.0)]
    assert ranges[0] == 0
    assert ranges[2] == pytest.approx(2 * ranges[1])


def test_the_head_goes_with_the_trunk_and_a_little_beside_it():
    found = swaying(face=40.0)
    aside = found.head - found.trunk
    assert 1 < np.ptp(aside.real) < 6
    assert 0.01 < abs(found.tilt).max() < 0.1
    assert not (swaying(face=0.0).head - found.trunk).any()


def test_it_nods_on_strokes():
    strokes = Strokes(np.array([5.0, 9.0]), np.array([np.inf, np.inf]), np.array([1.0, 0.5]))
    nods = (swaying(strokes=strokes).head - swaying().head).imag
    assert nods.max() == pytest.approx(40 * NOD, rel=0.02)
    assert abs(times(30.0)[nods.argmax()] - 5.0) < 0.05
    assert nods[round(9.0 * FPS)] == pytest.approx(20 * NOD, rel=0.1)
    assert nods[: 4 * FPS].max() < 1e-3


def test_one_frame_and_an_hour():
    assert swaying(1 / FPS).trunk.shape == (1,)
    strokes = Strokes(np.arange(1.0, 3600.0), np.full(3599, np.inf), np.ones(3599))
    tracemalloc.start()
    hour = swaying(3600.0, strokes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert hour.trunk.shape == (90000,)
    assert peak < 50e6
