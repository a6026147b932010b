import logging

import numpy as np
import pytest

from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.preprocess.follow import follow
from cyberhost_cli.types import FACE, Box, Person

SIZE, FPS = (160, 600), 10.0


@pytest.fixture
def at(figure):
    """Make the fixture's figure, whose head is 20 wide, so much to the right and so many times as large."""

    def make(x, times=1.0):
        keypoints = figure.copy()
        keypoints[:, :2] = keypoints[:, :2] * times + [x, 0]
        return Person(keypoints.astype(np.float32), Box(float(x), 0.0, x + 128.0 * times, 160.0 * times))

    return make


def places(people):
    """Return how far to the right each one is, None for nobody."""
    return [None if person is None else round(person.box.left) for person in people]


def test_someone_who_walks_past_another_is_followed(at):
    walk = [10 * step for step in range(30)]
    # Found in an order that says nothing.
    frames = [[at(300), at(x, 1.2)][:: 1 if x % 20 else -1] for x in walk if abs(x - 300) > 25]
    assert places(follow(frames, "largest", SIZE, FPS)) == [x for x in walk if abs(x - 300) > 25]


def test_the_wish_decides_in_the_first_frame_with_a_face(at, caplog):
    frames = [[], [at(0), at(300, 1.2)], [at(300), at(0, 1.5)]]
    with caplog.at_level(logging.WARNING):
        assert places(follow(frames, "largest", SIZE, FPS)) == [None, 300, 300]
    assert "2 people found" in caplog.text
    assert places(follow(frames, 0, SIZE, FPS)) == [None, 0, 0]
    with pytest.raises(UsageError, match="shows 2"):
        follow(frames, 2, SIZE, FPS)


def test_another_who_was_there_is_not_taken_for_one_who_hides(at):
    frames = [[at(0), at(200)]] + [[at(200)]] * 30 + [[at(200), at(3)]]
    assert places(follow(frames, 0, SIZE, FPS)) == [0, *[None] * 30, 3]


def test_another_who_hides_for_a_moment_is_not_taken_either(at):
    frames = [[at(0), at(200)], [at(0)], [], [at(200)], [at(2), at(201)]]
    assert places(follow(frames, 0, SIZE, FPS)) == [0, 0, None, None, 2]


def test_who_appears_after_a_cut_is_the_one_nearest(at):
    frames = [[at(0), at(200)], [at(400), at(100)], [at(400), at(105)]]
    assert places(follow(frames, 0, SIZE, FPS)) == [0, 100, 105]


def test_a_turned_head_is_followed_without_a_face(at):
    turned = at(4)
    turned.keypoints[FACE] = 0
    assert places(follow([[at(0)], [turned], [at(8)]], "largest", SIZE, FPS)) == [0, 4, 8]


def test_a_video_without_faces_is_refused(at):
    turned = at(0)
    turned.keypoints[FACE] = 0
    for frames in ([], [[]] * 3, [[turned]]):
        with pytest.raises(InputError, match="no person found in the video"):
            follow(frames, "largest", SIZE, FPS)
