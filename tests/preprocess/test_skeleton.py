import numpy as np
import pytest

from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.types import BODY, FACE, LEFT_HAND, RIGHT_HAND


@pytest.fixture
def body(figure):
    figure[BODY.stop :, 2] = 0
    return figure


def middle(points, one, other):
    x, y = (points[one, :2] + points[other, :2]) / 2
    return int(y), int(x)


def shade(colour):
    return [round(skeleton.LIMB_SHADE * value) for value in colour]


def test_limbs_have_openpose_colours_each_side_its_own(body):
    drawn = skeleton.draw(body * np.float32([4, 4, 1]), 512, 512)
    right, left = middle(body * 4, 6, 8), middle(body * 4, 5, 7)
    assert right[1] < left[1]  # the person's right arm is on our left
    assert drawn[right].tolist() == shade((255, 170, 0))
    assert drawn[left].tolist() == shade((170, 255, 0))


def test_neck_is_the_middle_of_the_shoulders(body):
    body[[0, 11, 12], 2] = 0  # no nose, no hips: nothing but the shoulders meets there
    drawn = skeleton.draw(body * np.float32([4, 4, 1]), 512, 512)
    assert drawn[304, 256].tolist() == [255, 85, 0]


def test_unknown_points_take_their_limbs_with_them(body):
    with_elbow = skeleton.draw(body, 128, 128)
    body[7, 2] = 0
    without = skeleton.draw(body, 128, 128)
    assert with_elbow[88, 95].any()
    assert not without[80:, 94:].any(axis=2)[:, :10].any()
    assert np.array_equal(with_elbow[:, :60], without[:, :60])


def test_nothing_known_is_black(figure):
    figure[:, 2] = 0
    assert not skeleton.draw(figure, 128, 64).any()


@pytest.mark.parametrize("part", [FACE, LEFT_HAND, RIGHT_HAND])
def test_face_and_hands_are_drawn_where_they_are(figure, part):
    figure[[i for i in range(133) if not part.start <= i < part.stop], 2] = 0
    rows, columns = skeleton.draw(figure, 128, 128).any(axis=2).nonzero()
    points = figure[part, :2]
    assert np.abs(columns.mean() - points[:, 0].mean()) < 3
    assert np.abs(np.array([columns.min(), columns.max()]) - [points[:, 0].min(), points[:, 0].max()]).max() < 3
    assert np.abs(np.array([rows.min(), rows.max()]) - [points[:, 1].min(), points[:, 1].max()]).max() < 3


def test_width_of_lines_grows_with_the_picture(body):
    small = skeleton.draw(body, 128, 128).astype(float).mean()
    large = skeleton.draw(body * np.float32([4, 4, 1]), 512, 512).astype(float).mean()
    assert large == pytest.approx(small, rel=0.15)


def test_drawing_over_a_picture_keeps_the_rest_of_it(figure, astronaut):
    over = skeleton.draw_on(astronaut, figure)
    assert np.array_equal(over[200:], astronaut[200:])
    assert not np.array_equal(over, astronaut)
