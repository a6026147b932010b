import numpy as np
from scipy.ndimage import label

from cyberhost_cli.synth import eyes, turning

TIMES = np.arange(0, 600, 0.02)


def test_blinks_are_as_frequent_and_as_long_as_people_s(random):
    shut = eyes.blink(random, TIMES, [])
    marked, count = label(shut > 0.05)
    lengths = np.bincount(marked.ravel())[1:] * 0.02
    assert 12 < count / 10 < 30
    assert 0.1 <= np.median(lengths) <= 0.3
    assert shut.min() >= 0
    assert shut.max() > 0.99
    starts = np.flatnonzero(np.diff((shut > 0.05).astype(int)) == 1) * 0.02
    gaps = np.diff(starts)
    assert 0.05 < (gaps < 0.5).mean() < 0.3, "some blinks are double"


def test_eyes_look_at_the_camera_at_times_and_not_far_off(random):
    away = np.degrees(np.abs(eyes.move(random, TIMES, []).looks)).max(axis=1)
    assert (away < 0.1).mean() > 0.2
    assert 3 < away.max() < 25


def test_eyes_stay_where_they_look_while_the_head_turns():
    still, turned = np.zeros(3), np.radians([0.0, 5.0, 10.0])
    rests = eyes.Eyes(still, np.zeros((3, 2)))
    turns = rests.turns(still, turned)
    np.testing.assert_array_equal(turns["eye.L"], turns["eye.R"])
    head = turning.euler(still, still, turned)
    forwards = (head @ turns["eye.L"]) @ np.array([0.0, -1.0, 0.0])
    assert np.degrees(np.abs(np.arctan2(forwards[:, 0], -forwards[:, 1]))).max() < 3


def test_some_turns_of_the_head_come_with_a_blink(random):
    moments = list(np.arange(2.0, 590, 3))
    lids = eyes.move(random, TIMES, moments).lids
    shut = [lids[(moment < TIMES) & (moment + 0.2 > TIMES)].max() > 0.9 for moment in moments]
    assert 0.35 < np.mean(shut) < 0.75
