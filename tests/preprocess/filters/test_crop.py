import numpy as np
import pytest

from cyberhost_cli.preprocess import framing
from cyberhost_cli.preprocess.filters import crop
from cyberhost_cli.types import FACE, Box, Person, Placement


def moved(track, x, y):
    found = track.copy()
    found[:, :, :2] += (x, y)
    return found


def test_a_still_person_is_framed_as_in_a_picture(still, configs):
    track = moved(still(5), 200, 100)
    placement = crop.steady(track, (480, 640), configs.picture, configs.filters)
    picture = np.zeros((480, 640, 3), np.uint8)
    person = Person(track[0], Box(0.0, 0.0, 1.0, 1.0))
    _, keypoints, wanted = framing.frame(picture, person, configs.picture)
    assert vars(placement.box) == pytest.approx(vars(wanted.box))
    inside = crop.into(track, placement, configs.picture)
    assert inside[3] == pytest.approx(keypoints, abs=1e-3)


def test_the_frame_stays_at_the_middle_of_what_moves(still, configs):
    track = moved(still(21), 200, 100)
    track[:, :, 0] += np.linspace(-30, 30, 21)[:, None]
    track[20, :, 0] += 400  # lost for a frame
    track[7, FACE, 2] = 0
    still_box = crop.steady(moved(still(1), 200, 100), (480, 640), configs.picture, configs.filters).box
    box = crop.steady(track, (480, 640), configs.picture, configs.filters).box
    assert box.centre == pytest.approx(still_box.centre, abs=4)
    assert box.height == pytest.approx(still_box.height, rel=1e-3)


@pytest.mark.parametrize(("room", "reason"), [(1.0, None), (0.8, None), (0.6, "no room")])
def test_a_frame_that_is_too_large_for_the_film_becomes_smaller(still, configs, room, reason):
    track = still(3)
    track[:, :, :2] *= 4
    usual = crop.steady(moved(track, 900, 900), (3000, 3000), configs.picture, configs.filters).box
    side = round(room * usual.height)
    x, y = usual.left + (1 - room) * usual.width / 2, usual.top + (1 - room) * 0.3 * usual.height
    placement = crop.steady(moved(track, 900 - x, 900 - y), (side, side), configs.picture, configs.filters)
    fault = crop.check(placement, configs.picture, configs.filters)
    assert (None if fault is None else fault.reason) == reason
    if reason is None:
        assert crop.beyond(placement) < 0.01
        assert placement.box.height == pytest.approx(side, abs=1)


def test_a_frame_moves_into_the_film_but_not_far(still, configs):
    usual = crop.steady(moved(still(3), 900, 900), (2000, 2000), configs.picture, configs.filters).box
    for share, left in ((0.05, 0.0), (0.3, -0.2 * usual.width)):
        track = moved(still(3), 900 - usual.left - share * usual.width, 900)
        box = crop.steady(track, (2000, 2000), configs.picture, configs.filters).box
        assert box.left == pytest.approx(left, abs=0.01)


def test_the_share_beyond_the_film_is_told():
    assert crop.beyond(Placement(Box(-10.0, -10.0, 90.0, 90.0), 100, 100)) == pytest.approx(0.19)
    assert crop.beyond(Placement(Box(0.0, 0.0, 100.0, 100.0), 100, 100)) == 0
    assert crop.beyond(Placement(Box(200.0, 0.0, 300.0, 100.0), 100, 100)) == 1


def test_a_frame_of_too_few_pixels_shows_a_small_face(configs):
    side = configs.picture.height / configs.picture.max_upscale
    for height, reason in ((side + 1, None), (side - 1, "small face")):
        fault = crop.check(Placement(Box(0.0, 0.0, height, height), 500, 500), configs.picture, configs.filters)
        assert (None if fault is None else fault.reason) == reason
