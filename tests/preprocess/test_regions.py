import numpy as np
import pytest

from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND, Box


def test_face_box_is_a_square_around_all_points_with_room_for_the_forehead(figure):
    box = regions.face_box(figure)
    assert box.width == pytest.approx(box.height)
    assert box.left < 52
    assert box.right > 76
    assert 24 - box.top > box.bottom - 56 > 0


def test_hand_boxes_are_the_persons_left_and_right(figure):
    left, right = regions.hand_boxes(figure)
    assert left.centre == pytest.approx((108, 76))
    assert right.centre == pytest.approx((20, 76))
    assert left.width == left.height == pytest.approx(16 * regions.HAND_MARGIN)


def test_too_few_points_make_no_box(figure):
    figure[LEFT_HAND.start + 5 : LEFT_HAND.stop, 2] = 0
    figure[FACE, 2] = 0
    left, right = regions.hand_boxes(figure)
    assert left is None
    assert right is not None
    assert regions.face_box(figure) is None
    assert regions.mouth_box(figure) is None


def test_mouth_box_holds_the_lips_only(figure):
    figure[FACE.start + 48 : FACE.stop, :2] = np.array([64, 50]) + np.arange(40).reshape(20, 2) / 10
    box = regions.mouth_box(figure)
    assert box.left <= 64
    assert box.bottom >= 53.9
    assert box.width < 8


def test_crop_of_the_whole_picture_at_its_size_is_the_picture(astronaut):
    assert np.array_equal(regions.crop(astronaut, Box(0.0, 0.0, 512.0, 512.0), 512), astronaut)


def test_crop_goes_on_with_the_edge_beyond_the_picture():
    picture = np.zeros((8, 8, 3), dtype=np.uint8)
    picture[:, 0] = 200
    cut = regions.crop(picture, Box(-8.0, 0.0, 0.0, 8.0), 16)
    assert (cut == 200).all()
    assert (regions.crop(picture, Box(100.0, 100.0, 110.0, 110.0), 4) == 0).all()


def test_crop_is_antialiased():
    stripes = np.zeros((256, 256, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(regions.crop(stripes, Box(0.0, 0.0, 256.0, 256.0), 16)[:, 2:-2].astype(int) - 100).max() <= 2


def test_crop_moves_with_fractions_of_a_pixel():
    ramp = np.arange(64, dtype=np.uint8)[None, :, None].repeat(64, axis=0).repeat(3, axis=2) * 4
    here = regions.crop(ramp, Box(10.0, 10.0, 42.0, 42.0), 8)
    there = regions.crop(ramp, Box(11.25, 10.0, 43.25, 42.0), 8)
    assert np.abs(there.astype(int) - here - 5).max() <= 1


@pytest.mark.parametrize(
    "box",
    [Box(0.0, 0.0, 128.0, 128.0), Box(8.0, 16.0, 24.0, 64.0), Box(3.3, 5.9, 41.2, 77.7), Box(9.0, 9.0, 10.0, 9.0)],
)
def test_mask_adds_up_to_the_area_of_the_box(box):
    mask = regions.mask([box], 128, 128, (16, 16))
    assert mask.sum() * 64 == pytest.approx(box.width * box.height, rel=1e-5)
    assert mask.max() <= 1


def test_mask_counts_only_what_lies_in_the_picture():
    assert regions.mask([Box(-10.0, -10.0, 8.0, 8.0)], 128, 64, (16, 8)).sum() == pytest.approx(1)
    assert regions.mask([Box(-10.0, -10.0, -5.0, -5.0), None], 128, 64, (16, 8)).sum() == 0


def test_mask_of_two_boxes_counts_the_common_part_once():
    box = Box(8.0, 8.0, 32.0, 32.0)
    assert np.array_equal(regions.mask([box, None, box], 64, 64, (8, 8)), regions.mask([box], 64, 64, (8, 8)))


def test_heatmaps_peak_at_their_points_left_hand_first(figure):
    figure[LEFT_HAND.start, :2] = (100, 20)
    figure[RIGHT_HAND.start, :2] = (4, 60)
    maps = regions.hand_heatmaps(figure, (128, 128), (16, 16))
    assert maps.shape == (42, 16, 16)
    assert np.unravel_index(maps[0].argmax(), (16, 16)) == (2, 12)
    assert np.unravel_index(maps[21].argmax(), (16, 16)) == (7, 0)
    assert maps[0, 2, 12] == pytest.approx(1)


def test_heatmap_of_an_unknown_point_is_empty(figure):
    figure[LEFT_HAND, 2] = 0
    maps = regions.hand_heatmaps(figure, (128, 128), (16, 16))
    assert not maps[:21].any()
    assert (maps[21:].max(axis=(1, 2)) > 0.5).all()
