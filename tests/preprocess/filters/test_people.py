from dataclasses import replace

import numpy as np
import pytest

from cyberhost_cli.preprocess.filters import people
from cyberhost_cli.types import FACE, Box, Person


@pytest.fixture
def person(face):
    """Return a function that makes a person of any size."""

    def make(size):
        points = face.copy()
        points[:, :2] *= size
        return Person(points, Box(0.0, 0.0, 128.0 * size, 128.0 * size))

    return make


def faceless(person):
    points = person.keypoints.copy()
    points[FACE, 2] = 0
    return replace(person, keypoints=points)


def test_small_faces_are_passers_by(person):
    one, like, small = person(3), person(1), person(0.8)
    assert people.without_passers_by([small, one, like, faceless(person(3))], 0.3) == [one, like]
    assert people.without_passers_by([], 0.3) == []
    assert people.without_passers_by([faceless(one)], 0.3) == []


@pytest.mark.parametrize(
    ("looks", "reason"),
    [
        ("1111111111", None),
        ("1111111110", None),
        ("1111111120", "no person"),
        ("1111100000", "no person"),
        ("0000000000", "no person"),
        ("1122222222", "several people"),
    ],
)
def test_one_person_is_wanted(person, configs, looks, reason):
    seen = [[person(2) for _ in range(int(count))] for count in looks]
    fault = people.check_looks(seen, configs.filters, configs.picture)
    assert (None if fault is None else fault.reason) == reason


@pytest.mark.parametrize(
    ("looks", "decided"), [("", False), ("1111", False), ("10", False), ("1010", True), ("22", True)]
)
def test_few_looks_settle_it_where_they_fail(person, configs, looks, decided):
    seen = [[person(2) for _ in range(int(count))] for count in looks]
    assert people.is_decided(seen, 10, configs.filters) == decided


def test_a_face_that_would_be_enlarged_too_much_is_too_small(person, configs):
    height = np.ptp(person(1).keypoints[FACE, 1])
    least = configs.picture.height / configs.picture.face_heights / configs.picture.max_upscale
    for size, fits in ((0.95, False), (1.05, True)):
        fault = people.check_looks([[person(size * least / height)]], configs.filters, configs.picture)
        assert (fault is None) == fits
        assert fits or fault.reason == "small face"


def test_a_face_that_is_lost_too_long_is_no_person(still, limits):
    track = still(20)
    assert people.check_track(track, limits) is None
    track[:2, FACE, 2] = 0
    assert people.check_track(track, limits) is None
    track[2, FACE, 2] = 0
    assert people.check_track(track, limits).reason == "no person"
    track[:, FACE, 2] = 0
    assert people.check_track(track, limits).reason == "no person"


def test_a_face_that_looks_aside_is_turned_away(still, limits):
    track = still(20)
    nose = FACE.start + 30
    track[:, nose, 0] += 16  # of the 28 between the ends of the jaw's line
    fault = people.check_track(track, limits)
    assert fault.reason == "turned away"
    track[2:] = still(18)
    assert people.check_track(track, limits) is None


def test_a_head_that_leaps_shows_a_cut(still, limits):
    track, height = still(20), np.ptp(still(1)[0, FACE, 1])
    track[:, :, 0] += np.linspace(0, 5 * height, 20, dtype=np.float32)[:, None]  # quick, but no leap
    assert people.largest_leap(track) == pytest.approx(5 / 19, rel=0.01)
    assert people.check_track(track, limits) is None
    track[12:, :, 0] += height
    assert people.check_track(track, limits).reason == "jump"


def test_a_leap_is_seen_over_a_gap(still, limits):
    track = still(20)
    track[10:, :, 0] += 30
    track[10, FACE, 2] = 0
    assert people.check_track(track, limits).reason == "jump"
