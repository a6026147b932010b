import numpy as np
import pytest

from cyberhost_cli.synth import strokes
from cyberhost_cli.synth.accents import Accents
from cyberhost_cli.synth.gestures import STROKES
from cyberhost_cli.synth.strokes import numbers

ACCENTS = Accents(np.arange(0.5, 60, 0.4), np.tile([1.0, 0.6, 0.8], 50)[:149])


def plans(energy, count=10):
    return [strokes.plan(np.random.default_rng(seed), ACCENTS, energy) for seed in range(count)]


def test_keys_grow_in_time():
    for plan in plans(1.0):
        for keys in plan.hands:
            assert (np.diff(keys.times) > 0).all()
            assert len(keys.times) == len(keys.poses)


def test_more_energy_more_strokes_and_none_without():
    few, many = (np.mean([len(plan.strokes) for plan in plans(energy)]) for energy in (0.2, 1.0))
    assert many > 1.5 * few
    assert all(plan.strokes == [] for plan in plans(0.0))


def test_every_gesture_is_made_and_a_stroke_goes_its_way():
    made = {kind for plan in plans(1.0) for _, kind in plan.strokes}
    assert made == set(STROKES)
    for plan in plans(0.6, 3):
        for keys in plan.hands:
            for moment, kind in plan.strokes:
                if moment in keys.times:
                    index = keys.times.index(moment)
                    way = keys.poses[index][:3] - keys.poses[index - 1][:3]
                    wanted = numbers(STROKES[kind].after)[:3] - numbers(STROKES[kind].before)[:3]
                    assert way @ wanted > -0.002
                    assert np.linalg.norm(way) < 0.25


def test_hands_rest_before_and_after(random):
    plan = strokes.plan(random, Accents(np.array([2.0]), np.array([1.0])), 0.5)
    (keys,) = [keys for keys in plan.hands if len(keys.times) > 1][:1]
    for pose in (keys.poses[0], keys.poses[1], keys.poses[-1]):
        np.testing.assert_array_equal(pose, keys.rest)
    rows = strokes.play(random, np.array([0.0, 1.0, 4.0, 9.0]), keys)
    np.testing.assert_allclose(rows, np.tile(keys.rest, (4, 1)), atol=0.1)


@pytest.mark.parametrize("seed", range(4))
def test_hands_move_without_jumps(seed):
    random = np.random.default_rng(seed)
    plan = strokes.plan(random, ACCENTS, 1.0)
    wrists = strokes.play(random, np.arange(0, 50, 0.01), plan.hands[0])[:, :3]
    speed = np.linalg.norm(np.diff(wrists, axis=0), axis=1) / 0.01
    assert speed.max() < 4
    assert np.abs(np.diff(speed)).max() < 1
