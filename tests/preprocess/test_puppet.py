import numpy as np
import pytest
from PIL import Image

from cyberhost_cli.preprocess.puppet import Puppet
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND

RED, GREEN = (255, 0, 0), (0, 255, 0)
SHOULDERS = slice(5, 7)


@pytest.fixture
def grey(astronaut):
    """Return a real photograph of 128 pixels without any colour."""
    return np.repeat(np.asarray(Image.fromarray(astronaut).convert("L").resize((128, 128)))[:, :, None], 3, axis=2)


def painted(picture, points, colour):
    """Paint where some points are, and nothing else."""
    picture = picture.copy()
    for x, y in points[:, :2].astype(int):
        picture[y - 1 : y + 2, x - 1 : x + 2] = colour
    return picture


def place(picture, colour):
    """Return the middle of what has a colour, how many pixels have it, and how far they are from each other."""
    shade = picture.astype(float)[:, :, np.array(colour) > 0].sum(axis=2) - picture.astype(float).sum(axis=2) / 3
    found = shade > 100
    y, x = found.nonzero()
    return np.array([x.mean() + 0.5, y.mean() + 0.5]), found.sum(), np.hypot(x.std(), y.std())


def shifted(figure, part, way):
    figure = figure.copy()
    figure[part, :2] += np.float32(way)
    return figure


def test_a_hand_goes_where_it_is_driven_and_leaves_nothing_behind(figure, grey):
    picture = painted(grey, figure[LEFT_HAND], RED)
    before, count, _ = place(picture, RED)
    shown = Puppet(picture, figure).pose(shifted(figure, LEFT_HAND, (-22, 14))).pixels
    after, there, _ = place(shown, RED)
    np.testing.assert_allclose(after - before, (-22, 14), atol=1.5)
    assert there == pytest.approx(count, rel=0.35)
    # All else stays, but for the piece of the forearm that goes along.
    assert (shown != picture).any(axis=2).mean() < 0.12
    np.testing.assert_array_equal(shown[:55], picture[:55])


def test_a_hand_turns_and_grows_with_what_drives_it_but_not_without_bounds(figure, grey):
    picture = painted(grey, figure[LEFT_HAND], RED)
    puppet = Puppet(picture, figure)
    middle = figure[LEFT_HAND, :2].mean(axis=0)
    sizes = []
    for larger in (1.0, 1.2, 2.0):
        pose = figure.copy()
        aside = (figure[LEFT_HAND, :2] - middle) * np.float32(larger)
        pose[LEFT_HAND, :2] = middle - (20, 20) + np.stack([-aside[:, 1], aside[:, 0]], axis=1)
        shown = puppet.pose(pose).pixels
        np.testing.assert_allclose(place(shown, RED)[0], middle - (20, 20), atol=1.5)
        sizes.append(place(shown, RED)[2])
    assert sizes[1] / sizes[0] == pytest.approx(1.2, rel=0.1)
    assert 1.2 < sizes[2] / sizes[0] < 2


def test_each_finger_goes_where_it_is_driven(figure, grey):
    tip = figure[LEFT_HAND.start + 20]
    picture = painted(grey, tip[None], RED)
    shown = Puppet(picture, figure).pose(shifted(figure, slice(LEFT_HAND.start + 18, LEFT_HAND.stop), (6, -5))).pixels
    # Most of the way: what is between points gives way to both.
    way = place(shown, RED)[0] - place(picture, RED)[0]
    assert 0.5 < way @ (6, -5) / 61 < 1.1


@pytest.mark.parametrize(("part", "way"), [(FACE, (4, -3)), (SHOULDERS, (-5, 2))], ids=["head", "trunk"])
def test_head_and_trunk_go_along_and_the_room_stays(figure, grey, part, way):
    mark = figure[FACE.start + 27 : FACE.start + 36] if part == FACE else np.float32([[62, 90, 1], [65, 93, 1]])
    picture = painted(grey, mark, GREEN)
    before, count, _ = place(picture, GREEN)
    shown = Puppet(picture, figure).pose(shifted(figure, part, way)).pixels
    after, there, _ = place(shown, GREEN)
    np.testing.assert_allclose(after - before, way, atol=0.6)
    assert there == pytest.approx(count, rel=0.3)
    for corner in (slice(0, 12), slice(116, 128)):
        np.testing.assert_array_equal(shown[:12, corner], picture[:12, corner])


def test_a_hand_that_is_not_known_goes_with_the_trunk(figure, grey):
    picture = painted(grey, figure[RIGHT_HAND], RED)
    pose = shifted(figure, SHOULDERS, (6, 0))
    pose[RIGHT_HAND, 2] = 0
    before, after = place(picture, RED)[0], place(Puppet(picture, figure).pose(pose).pixels, RED)[0]
    np.testing.assert_allclose(after - before, (6, 0), atol=1)


def test_the_pose_of_the_picture_and_one_of_which_nothing_is_known_leave_it_as_it_is(figure, grey):
    puppet = Puppet(grey, figure)
    np.testing.assert_array_equal(puppet.pose(figure).pixels, grey)
    np.testing.assert_array_equal(puppet.pose(np.zeros_like(figure)).pixels, grey)
    assert puppet.pose(figure).hands.max() == 255
    assert puppet.poses(np.stack([figure, figure])).shape == (2, 128, 128, 3)


def test_nobody_in_the_picture_stays_as_it_is(figure, grey):
    np.testing.assert_array_equal(Puppet(grey, np.zeros_like(figure)).pose(figure).pixels, grey)


def test_hands_at_the_edge_and_beyond_it_are_no_matter(figure, grey):
    puppet = Puppet(grey, shifted(figure, LEFT_HAND, (25, 0)))
    for way in ((500, 0), (0, -500), (-60, 40)):
        assert puppet.pose(shifted(figure, LEFT_HAND, way)).pixels.shape == grey.shape
