import numpy as np
import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.preprocess.one_euro import smooth

FPS, HEIGHT = 25.0, 200.0


@pytest.fixture(scope="session")
def tracking():
    return load_preset("base").preset.tracking


@pytest.fixture(scope="session")
def steady(tracking):
    """Return the settings of a plain low-pass filter, of which all is known."""
    return tracking.model_copy(update={"min_cutoff": 2.0, "beta": 0.0})


def track_of(x):
    """Return a track in which one point moves along x and six others mark a person 200 pixels high."""
    track = np.zeros((len(x), 133, 3), np.float32)
    track[:, 1:7, 1] = np.linspace(0, HEIGHT, 6)
    track[:, :7, 2] = 1
    track[:, 0, 0] = x
    return track


def smoothed(x, tracking, fps=FPS):
    return smooth(track_of(x), fps, tracking)[:, 0, 0]


def test_what_rests_stays(tracking):
    track = track_of(np.full(50, 70.0))
    np.testing.assert_allclose(smooth(track, FPS, tracking), track, atol=1e-4)


def test_a_step_is_that_of_two_low_pass_filters(steady):
    step = np.repeat([0.0, 100.0], 50)
    # 2 Hz at 25 frames a second; what is left of the step n frames after it, seen from either side.
    share = 1 / (1 + FPS / (2 * np.pi * 2.0))
    left = (1 - share) ** np.arange(1, 51)
    expected = np.concatenate([50 * left[::-1], 100 - 50 * left])
    np.testing.assert_allclose(smoothed(step, steady), expected, atol=0.01)


def test_a_step_of_a_fast_hand_settles_within_two_frames(tracking):
    step = np.repeat([0.0, 100.0], 50)
    off = abs(smoothed(step, tracking) - step)
    assert off.max() < 10
    assert np.delete(off, range(48, 52)).max() < 1


def test_jitter_shrinks_and_no_motion_lags(tracking):
    noise = np.random.default_rng(0).normal(0, 0.002 * HEIGHT, 500)
    rest, still = smoothed(noise, tracking), slice(25, -25)
    assert np.diff(rest, 2)[still].std() < 0.5 * np.diff(noise, 2)[still].std()
    assert rest.std() < 0.7 * noise.std()
    ramp = np.arange(500) * 0.5 * HEIGHT / FPS
    lag = smoothed(ramp + noise, tracking) - smoothed(noise, tracking) - ramp
    assert abs(lag[still].mean()) < 0.0005 * HEIGHT


def test_speed_is_measured_in_heights_of_the_person(tracking):
    wave = 10 * np.sin(np.arange(100) / 2)
    near = smooth(track_of(wave), FPS, tracking)
    larger = track_of(wave)
    larger[:, :, :2] *= 3
    np.testing.assert_allclose(smooth(larger, FPS, tracking)[:, :, :2], 3 * near[:, :, :2], atol=1e-3)


def test_twice_the_frames_settle_in_the_same_time(steady):
    slow, fast = (smoothed(np.repeat([0.0, 100.0], frames), steady, float(frames)) for frames in (50, 100))
    np.testing.assert_allclose(slow[55:100:5], fast[110:200:10], atol=1)


def test_what_was_unknown_starts_anew(steady):
    track = track_of(np.repeat([0.0, 100.0], 20))
    track[18:22, 0] = 0
    np.testing.assert_allclose(smooth(track, FPS, steady), track, atol=1e-4)


def test_nobody_stays_nobody(tracking):
    nobody = np.zeros((5, 133, 3), np.float32)
    assert not smooth(nobody, FPS, tracking).any()
