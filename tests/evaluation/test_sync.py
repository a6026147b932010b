import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyberhost_cli.evaluation import sync


def curve(seed, frames=80):
    steps = np.random.default_rng(seed).standard_normal(frames + 4)
    return np.convolve(steps, np.ones(5) / 5, mode="valid").astype(np.float32)


@given(st.integers(-10, 10))
def test_a_late_mouth_is_found_at_its_lag(late):
    driver = curve(1, 120)
    mouth = np.roll(driver, late)[20:-20]
    found, lag = sync.best(mouth, driver[20:-20], sync.FAR)
    assert (lag, found) == (late, pytest.approx(1, abs=1e-5))


def test_size_and_rest_of_a_mouth_do_not_matter():
    driver = curve(2)
    assert sync.correlation(0.01 * driver + 0.03, driver) == pytest.approx(1, abs=1e-4)
    assert sync.correlation(-driver, driver) == pytest.approx(-1, abs=1e-4)


def test_a_still_mouth_follows_nothing():
    driver = curve(3)
    assert sync.best(np.full_like(driver, 0.05), driver, sync.FAR) == (0.0, 0)
    assert sync.correlation(driver, np.zeros_like(driver)) == 0


def test_only_a_frame_is_in_time():
    driver = curve(4, 200)
    in_time = [sync.best(np.roll(driver, late)[20:-20], driver[20:-20], sync.NEAR)[0] for late in (1, 2, 4)]
    assert in_time[0] > 0.99 > in_time[1] > in_time[2]


def test_another_recording_is_not_followed():
    found = [sync.best(curve(seed), curve(seed + 1), sync.NEAR)[0] for seed in range(10, 30)]
    assert np.mean(found) < 0.3


def test_the_shorter_curve_tells_how_long():
    driver = curve(5)
    assert sync.best(driver[:50], driver, sync.NEAR)[0] == pytest.approx(1, abs=1e-5)
