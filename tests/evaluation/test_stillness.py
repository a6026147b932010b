import numpy as np
import pytest

from cyberhost_cli.evaluation import stillness
from cyberhost_cli.types import FACE, LEFT_HAND

SIDE = 128


def person(x=64.0):
    """A head above shoulders, arms hanging, in a picture of 128x128."""
    known = np.zeros((133, 3), np.float32)
    known[0] = (x, 40, 1)
    known[[1, 2]] = [(x + 6, 36, 1), (x - 6, 36, 1)]
    known[[5, 6]] = [(x + 25, 80, 1), (x - 25, 80, 1)]
    known[FACE.start + 8] = (x, 56, 1)
    return known


@pytest.fixture
def picture(random):
    return random.integers(0, 230, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def measure(frames, track, picture):
    return stillness.measure(frames, track, picture, person())


def test_what_stays_is_equal(picture):
    found = measure(np.stack([picture] * 3), np.stack([person()] * 3), picture)
    assert (found.background, found.clothes) == (stillness.EQUAL, stillness.EQUAL)


def test_decibels_are_those_of_the_difference(picture):
    found = measure(picture[None] + np.uint8(20), person()[None], picture)
    assert found.background == pytest.approx(20 * np.log10(255 / 20))
    assert found.clothes == pytest.approx(found.background)


def test_each_part_is_measured_alone(picture):
    face, corner, chest = (picture[None].copy() for _ in range(3))
    face[0, 30:58, 52:76] = 0
    corner[0, :30, :30] = 0
    chest[0, 100:120, 55:75] = 0
    found = [measure(frames, person()[None], picture) for frames in (face, corner, chest)]
    assert [(each.background < 30, each.clothes < 30) for each in found] == [
        (False, False),
        (True, False),
        (False, True),
    ]


def test_clothes_may_move_with_the_shoulders(picture):
    moved = np.roll(picture, 3, axis=1)[None]
    found = measure(moved, person(67.0)[None], picture)
    assert found.clothes == stillness.EQUAL
    assert found.background < 20


def test_a_hand_hides_what_is_behind_it(picture):
    raised, known = picture[None].copy(), person()[None].copy()
    raised[0, 98:126, 55:75] = (230, 180, 150)
    bare = measure(raised, known, picture)
    places = np.meshgrid(np.linspace(57, 73, 3), np.linspace(100, 124, 7))
    known[0, LEFT_HAND] = np.stack([*(each.ravel() for each in places), np.ones(21)], axis=1)
    hidden = measure(raised, known, picture)
    assert bare.clothes < 15
    assert hidden.clothes is None or hidden.clothes == stillness.EQUAL


def test_where_nothing_is_left_nothing_is_measured(picture):
    large = person()
    large[[5, 6]] = [(250, 10, 1), (-120, 10, 1)]
    found = measure(picture[None], large[None], picture)
    assert found.background is None
