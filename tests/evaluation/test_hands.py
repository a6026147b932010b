import numpy as np
import pytest

from cyberhost_cli.evaluation import hands
from cyberhost_cli.evaluation.readers import Reading
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND

FRAMES = 40
BOTH, LEFT, NONE = np.array([True, True]), np.array([True, False]), np.array([False, False])


def read(swing, sure=0.9, missing=0):
    """Hands whose points swing by `swing` pixels, the right one not seen in the first `missing` frames."""
    track = np.zeros((FRAMES, 133, 3), np.float32)
    track[:, LEFT_HAND.start :, :2] = np.random.default_rng(0).uniform(20, 80, (42, 2))
    track[:, LEFT_HAND.start :, 2] = sure
    track[:, LEFT_HAND.start :, 0] += swing * np.sin(2 * np.pi * np.arange(FRAMES) / FRAMES)[:, None]
    track[:missing, RIGHT_HAND, 2] = 0.1
    return Reading(track, np.zeros(FRAMES, np.float32), 0.5)


def test_variance_is_that_of_the_swing():
    assert hands.variance(read(6), BOTH, 100) == pytest.approx(0.06**2 / 2, rel=1e-3)
    assert hands.variance(read(0), BOTH, 100) == pytest.approx(0, abs=1e-9)


def test_frames_without_the_hand_do_not_count():
    reading = read(6)
    reading.keypoints[:10, RIGHT_HAND] = 0
    assert hands.variance(reading, BOTH, 100) < 2 * hands.variance(read(6), BOTH, 100)


def test_the_hand_that_is_lost_more_counts():
    reading = read(6, missing=10)
    assert hands.lost(reading, BOTH) == pytest.approx(0.25)
    assert hands.lost(reading, LEFT) == 0


def test_without_hands_there_is_nothing_to_measure():
    assert hands.variance(read(6), NONE, 100) is None
    assert hands.lost(read(6), NONE) is None
    assert hands.variance(read(6, sure=0.2), BOTH, 100) is None
    assert hands.lost(read(6, sure=0.2), BOTH) == 1
