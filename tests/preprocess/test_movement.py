import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import movement
from cyberhost_cli.types import FACE, Box


def sway(figure, offsets):
    track = np.repeat(figure[None], len(offsets), axis=0)
    track[:, :, :2] += np.array(offsets, dtype=np.float32)[:, None]
    return track


def chest(figure):
    return movement.wanted(figure, 1.0).centre


def test_chest_lies_below_the_middle_of_the_shoulders(figure):
    x, y = chest(figure)
    assert x == pytest.approx(64)
    assert 76 < y < 76 + 26


def test_chest_is_guessed_from_the_face_where_shoulders_are_not_seen(figure):
    seen = chest(figure)
    figure[5:7, 2] = 0
    assert chest(figure) == pytest.approx(seen, abs=20)
    figure[FACE, 2] = 0
    with pytest.raises(InputError, match="no chest found"):
        chest(figure)


@pytest.mark.parametrize("enlargement", [1.0, 1.25, 1.5])
def test_rectangle_is_the_range_enlarged_about_its_middle(figure, enlargement):
    x, y = chest(figure)
    box = movement.rectangle(sway(figure, [(0, 0), (8, 2), (-4, -6), (1, 1)]), enlargement)
    assert box.width == pytest.approx(12 * enlargement, rel=1e-4)
    assert box.height == pytest.approx(8 * enlargement, rel=1e-4)
    assert box.centre == pytest.approx((x + 2, y - 2), abs=1e-3)


def test_rectangle_leaves_out_frames_without_anybody(figure):
    track = sway(figure, [(0, 0), (8, 2), (50, 50)])
    track[2, :, 2] = 0
    assert movement.rectangle(track, 1.0).width == pytest.approx(8, rel=1e-4)
    with pytest.raises(InputError):
        movement.rectangle(track[2:], 1.0)


@pytest.mark.parametrize("enlargement", [1.0, 1.5])
def test_chest_on_a_known_path_gives_the_known_rectangle(figure, enlargement):
    turn = np.linspace(0, 2 * np.pi, 41)
    path = np.stack([10 * np.cos(turn), 4 * np.sin(turn)], axis=1)
    box = movement.rectangle(sway(figure, path), enlargement)
    x, y = chest(figure)
    wide, high = 10 * enlargement, 4 * enlargement
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx(
        (x - wide, y - high, x + wide, y + high), abs=1e-3
    )


def test_shoulders_that_are_hidden_for_a_moment_do_not_widen_the_rectangle(figure):
    track = sway(figure, [(0, 0), (8, 2), (4, 1)])
    track[2, 5, 2] = 0
    guess = chest(track[2])
    box = movement.rectangle(track, 1.0)
    assert not box.top <= guess[1] <= box.bottom
    assert (box.width, box.height) == pytest.approx((8, 2), rel=1e-4)


def test_rectangle_is_guessed_from_the_face_where_no_frame_shows_the_shoulders(figure):
    track = sway(figure, [(0, 0), (8, 2)])
    track[:, 5, 2] = 0
    box = movement.rectangle(track, 1.0)
    assert (box.width, box.height) == pytest.approx((8, 2), rel=1e-4)


def test_shoulders_seen_from_the_side_do_not_shrink_the_wanted_rectangle_to_nothing(figure):
    figure[5:7, 0] = 64
    assert movement.wanted(figure, 1.0).width == pytest.approx(2.1 * 32 / 2, rel=0.01)


def test_wanted_is_a_square_of_so_many_shoulder_widths_around_the_chest(figure):
    box = movement.wanted(figure, 0.5)
    assert box.width == box.height == pytest.approx(26)
    assert box.centre == pytest.approx(chest(figure))


def test_wanted_without_anybody_is_an_error(figure):
    figure[:, 2] = 0
    with pytest.raises(InputError):
        movement.wanted(figure, 0.5)


def test_drawn_rectangle_is_full_inside_and_shaded_where_it_cuts_pixels():
    drawn = movement.draw(Box(10.0, 20.0, 30.5, 40.0), 64, 48)
    assert drawn.shape == (64, 48)
    assert (drawn[20:40, 10:30] == 255).all()
    assert (drawn[20:40, 30] == 128).all()
    assert drawn.sum(dtype=int) == 20 * 20 * 255 + 20 * 128
