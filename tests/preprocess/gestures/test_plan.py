import numpy as np
import pytest

from cyberhost_cli.preprocess.gestures import motion, poses
from cyberhost_cli.preprocess.gestures.plan import Keys, find_strokes, plan
from cyberhost_cli.preprocess.speech.prosody import Prosody


@pytest.fixture(scope="module")
def prosody():
    """Return a minute of syllables, four per second, with pauses of two seconds."""
    random = np.random.default_rng(0)
    times = np.cumsum(random.uniform(0.15, 0.35, 240))
    times += 2.0 * np.searchsorted([60, 120, 180], np.arange(240), side="right")
    return Prosody(times, random.normal(0, 1, 240))


def test_strokes_fall_on_stressed_syllables_far_enough_apart(prosody, gestures):
    strokes = find_strokes(prosody, gestures)
    assert np.isin(strokes.times, prosody.times).all()
    assert np.diff(strokes.times).min() >= gestures.interval
    stress = prosody.stress[np.searchsorted(prosody.times, strokes.times)]
    assert stress.mean() > np.percentile(prosody.stress, 75)
    # No syllable is left out that could have had one.
    assert np.abs(prosody.times[:, None] - strokes.times).min(axis=1).max() < gestures.interval
    assert (np.argsort(strokes.sizes) == np.argsort(stress)).mean() > 0.5


def test_hands_rest_in_pauses_and_nowhere_else(prosody, gestures):
    strokes = find_strokes(prosody, gestures)
    settled = strokes.settled[np.isfinite(strokes.settled)]
    ends = prosody.times[[59, 119, 179, 239]]
    np.testing.assert_allclose(settled, ends + 0.25)


@pytest.mark.parametrize("seed", range(5))
def test_keys(prosody, gestures, seed):
    known = poses.load()
    strokes = find_strokes(prosody, gestures)
    both = plan(prosody, known, gestures, np.random.default_rng(seed))
    for keys in both:
        assert (np.diff(keys.times) >= 0).all()
        assert np.isin(strokes.times, keys.times).all()
        speed = np.linalg.norm(np.diff(keys.poses[:, :3], axis=0), axis=1) / np.maximum(np.diff(keys.times), 1e-9)
        assert speed.max() * 1.875 <= gestures.speed * 1.001
    # In the middle of every pause of two seconds both are back.
    resting = np.stack([motion.move(keys, np.array(prosody.times[[59, 119, 179]] + 1.1), _still()) for keys in both])
    np.testing.assert_allclose(resting[:, :, :3], np.broadcast_to(known.rest[:3], (2, 3, 3)), atol=0.025)
    # Now one hand gestures, now the other, now both.
    moving = np.stack([np.linalg.norm(_at(keys, strokes.times) - known.rest[:3], axis=1) > 0.08 for keys in both])
    assert moving.any(axis=0).all()
    assert moving.all(axis=0).any()


def _still():
    return np.random.default_rng(0)


def _at(keys, times):
    return motion.move(keys, times, _still())[:, :3]


def test_the_same_seed_gives_the_same_gestures(prosody, gestures):
    known = poses.load()
    one, again, other = (plan(prosody, known, gestures, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a.poses, b.poses) for a, b in zip(one, again, strict=True))
    assert not all(np.array_equal(a.poses, b.poses) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_syllables(gestures, count):
    prosody = Prosody(np.arange(count) * 0.9 + 1.0, np.zeros(count))
    for keys in plan(prosody, poses.load(), gestures, np.random.default_rng(0)):
        assert np.isfinite(keys.poses).all()
        assert np.isfinite(keys.times).all()
        end = motion.move(keys, np.array([30.0]), _still())
        np.testing.assert_allclose(end[0, :3], poses.load().rest[:3], atol=0.02)


def test_dense_strokes_stay_in_order(gestures):
    prosody = Prosody(np.arange(100) * 0.2 + 0.5, np.random.default_rng(0).normal(size=100))
    quick = gestures.model_copy(update={"interval": 0.15, "pause": 0.2})
    for keys in plan(prosody, poses.load(), quick, np.random.default_rng(0)):
        assert (np.diff(keys.times) >= 0).all()


def test_movement_is_smooth():
    known = poses.load()
    keys = Keys(np.array([1.0, 2.0, 3.0]), np.stack([known.rest, known.before[0], known.after[0]]))
    times = np.linspace(0, 4, 401)
    path = motion.move(keys, times, _still())[:, :3]
    np.testing.assert_allclose(
        path[[50, 200, 350]], [known.rest[:3], known.before[0, :3], known.after[0, :3]], atol=0.02
    )
    speed = np.diff(path, axis=0) * 100
    assert np.abs(np.diff(speed, axis=0)).max() < 0.08
    assert np.linalg.norm(speed, axis=1).max() > 0.3


def test_poses_are_hands():
    known = poses.load()
    everything = np.concatenate([known.rest[None], known.before, known.after])
    for mixed in (everything, (everything + everything[::-1]) / 2):
        points = poses.place(mixed, 1.0, 1.0)
        palms = np.linalg.norm(points[:, [5, 9, 13, 17]] - points[:, :1], axis=2)
        assert 0.8 < palms.min() < palms.max() < 1.2
        assert np.linalg.norm(points[:, 0], axis=1).max() < 0.98
