import numpy as np
import pytest

from cyberhost_cli.preprocess import overlay, regions
from cyberhost_cli.preprocess.overlay import ink, sound_strip
from cyberhost_cli.preprocess.overlay.film import CHUNK, driven_pose
from cyberhost_cli.preprocess.overlay.sheet import Layout
from cyberhost_cli.types import BODY, LEFT_HAND, RIGHT_HAND, Driving
from tests.preprocess.overlay_inputs import grey_reference, silent_speech

GRID = (16, 16)


@pytest.fixture
def reference(figure):
    return grey_reference(figure)


@pytest.fixture
def layout(reference):
    return Layout.of(reference, strip=True)


def playhead(frame, layout):
    """Return the columns, from the left of the strip, in which the playhead is drawn."""
    left, top = layout.strip
    strip = frame[top : top + sound_strip.AXIS.start, left : left + layout.strip_width]
    return np.flatnonzero((strip == ink.PLAYHEAD).all(axis=(0, 2))).tolist()


def test_there_is_a_frame_for_every_frame_of_the_speech(reference):
    chunks = list(overlay.film(reference, silent_speech(1.4), None, 4.0, GRID))
    width, height = overlay.film_size(reference)
    assert [chunk.shape for chunk in chunks[:-1]] == [(CHUNK, height, width, 3)] * (len(chunks) - 1)
    assert sum(len(chunk) for chunk in chunks) == 35


def test_the_playhead_stands_at_the_time_of_its_frame(reference, layout):
    frames = np.concatenate(list(overlay.film(reference, silent_speech(4.0), None, None, GRID)))
    for number in (0, 1, 33, 99):
        place = layout.strip_width * number / 25 / 4.0
        assert playhead(frames[number], layout)[-1] == pytest.approx(place, abs=1)


def test_a_long_strip_passes_under_the_playhead(reference, layout):
    frames = overlay.film(reference, silent_speech(16.0), None, None, GRID)
    second = layout.strip_width / 10
    number = 0
    for chunk in frames:
        for frame in chunk:
            time = number / 25
            # It moves for five seconds, then the strip does, then it moves again.
            expected = time if time < 5 else 5 if time < 11 else time - 6
            if number % 40 == 0:
                assert playhead(frame, layout)[-1] == pytest.approx(expected * second, abs=2)
            number += 1


def test_only_strip_and_clock_move(reference, layout):
    frames = np.concatenate(list(overlay.film(reference, silent_speech(1.0), None, 4.0, GRID)))
    moving = (frames[0] != frames[20]).any(axis=-1)
    rows, columns = moving.nonzero()
    left, top = layout.strip
    assert rows.min() >= top - 20
    assert columns.min() >= left
    still = overlay.draw(reference, silent_speech(1.0), 4.0, GRID)
    assert np.array_equal(frames[0][: top - 20], still[: top - 20])


@pytest.mark.parametrize("kind", ["body", "hands"])
def test_driven_poses_move_with_their_frames(reference, figure, layout, kind):
    speech = silent_speech(0.4)
    track = np.stack([figure] * 10)
    track[:, :, 0] += np.arange(10, dtype=np.float32)[:, None]
    driving = Driving(kind, track)
    frames = np.concatenate(list(overlay.film(reference, speech, driving, None, GRID)))
    left, top = layout.person
    panels = frames[:, top : top + 512, left : left + 512].astype(int)
    box = regions.hand_boxes(figure)[0]
    edges = [np.flatnonzero((panel[280:330, 300:] == ink.HANDS).all(axis=-1).all(axis=0)).min() for panel in panels]
    assert np.diff(edges).tolist() == [4] * 9
    assert edges[0] + 300 == pytest.approx(4 * box.left, abs=1)
    green = (panels[0][..., 1] - panels[0][..., 0] > 40).mean()
    assert (green > 0.02) == (kind == "hands")


def test_hands_alone_leave_the_rest_as_it_is(figure):
    track = np.stack([figure + np.float32([5, 0, 0])])
    mixed = driven_pose(figure, Driving("hands", track), 0)
    assert np.array_equal(mixed[BODY], figure[BODY])
    assert np.array_equal(mixed[LEFT_HAND.start : RIGHT_HAND.stop], track[0, LEFT_HAND.start : RIGHT_HAND.stop])
    assert np.array_equal(driven_pose(figure, Driving("body", track), 0), track[0])


def test_a_track_is_drawn_over_its_own_frames(figure):
    frames = np.full((5, 129, 161, 3), 60, dtype=np.uint8)
    frames += np.arange(5, dtype=np.uint8)[:, None, None, None]
    track = np.stack([figure] * 5)
    track[3, :, 2] = 0
    drawn = np.concatenate(list(overlay.draw_track(iter([frames[:2], frames[2:]]), track)))
    assert drawn.shape == (5, 128, 160, 3)
    assert drawn[:, 127, 159, 0].tolist() == [60, 61, 62, 63, 64]
    changed = (drawn[:, 30:] != frames[:, 30:128, :160]).any(axis=(1, 2, 3))
    assert changed.tolist() == [True, True, True, False, True]
    assert (drawn[3] == ink.WARNING).all(axis=-1).any()
