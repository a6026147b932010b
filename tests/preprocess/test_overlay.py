import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageDraw

from cyberhost_cli.preprocess import overlay, regions
from cyberhost_cli.preprocess.overlay import figures, ink, person
from cyberhost_cli.preprocess.overlay.sheet import NARROWEST_FIGURES, Layout
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND, Box, Figure
from tests.preprocess.overlay_inputs import GREY, grey_reference, silent_speech

GOOD = Figure("face.confidence", 0.93, 0.5, None, "how sure the detector is", "use another picture")
BAD = Figure("face.height", 41.0, 48.0, 200.0, "height of the face in pixels", "use a larger picture")


@pytest.fixture
def reference(figure):
    return grey_reference(figure)


def has(picture, colour, tolerance=0):
    return (np.abs(picture.astype(int) - colour) <= tolerance).all(axis=-1)


@pytest.mark.parametrize(
    ("size", "panel"), [((128, 128), (512, 512)), ((640, 384), (384, 640)), ((96, 160), (960, 576))]
)
def test_everything_has_its_place_at_every_size_of_the_preset(figure, size, panel):
    reference = grey_reference(figure, size)
    layout = Layout.of(reference, strip=True)
    width, height = layout.size
    assert layout.panel == panel
    assert width % 2 == height % 2 == 0
    assert (width, height) == overlay.film_size(reference)
    assert overlay.draw(reference, None, None, (16, 16)).shape[1] == width
    for seconds in (0.2, 3.0, 700.0):
        assert overlay.draw(reference, silent_speech(seconds), 4.0, (16, 16)).shape == (height, width, 3)
    assert layout.person[0] + panel[0] < layout.tiles[0] < layout.figures.left < layout.figures.right < width
    assert layout.figures.width >= NARROWEST_FIGURES
    assert layout.strip[0] + layout.strip_width < width


def test_the_movement_rectangle_is_tinted_and_nothing_beyond_it(reference):
    nobody = np.zeros_like(reference.keypoints)
    drawn = person.Panel(reference, (16, 16)).draw(nobody, ("", ""))
    rows, columns = reference.movement.nonzero()
    inside = drawn[4 * rows.min() + 8 : 4 * rows.max() - 4, 4 * columns.min() + 8 : 4 * columns.max() - 4].astype(int)
    greener = inside[..., 1] - inside[..., 0]
    assert greener.min() > 40
    beyond = np.ones(drawn.shape[:2], dtype=bool)
    # But for the name, which stands above.
    beyond[4 * rows.min() - 30 : 4 * rows.max() + 8, 4 * columns.min() - 8 : 4 * columns.max() + 12] = False
    assert (drawn[beyond] == GREY).all()


def test_where_a_whole_pose_is_driven_there_is_no_rectangle(reference):
    drawn = person.Panel(reference, (16, 16), movement=False).draw(np.zeros_like(reference.keypoints), ("", ""))
    assert (drawn == GREY).all()


def test_regions_are_tinted_cell_by_cell_as_far_as_they_are_covered(reference):
    only_face = reference.keypoints.copy()
    only_face[: FACE.start, 2] = only_face[FACE.stop :, 2] = 0
    drawn = person.Panel(reference, (16, 16), movement=False).draw(only_face, ("", ""))
    shares = regions.mask([regions.face_box(only_face)], 128, 128, (16, 16))
    middles = drawn[16::32, 16::32, 0].astype(float)
    expected = GREY + (255 - GREY) * person.REGION_TINT * shares
    covered = shares == 1
    partly = (shares > 0) & (shares < 0.6)
    assert covered.sum() > 3
    assert partly.sum() > 3
    # Face points, lines and letters lie over some of them.
    assert np.median(np.abs(middles - expected)[covered]) <= 2
    assert np.median(np.abs(middles - expected)[partly]) <= 2
    assert (middles[shares == 0] == GREY).mean() > 0.9
    # Cells have one tint, up to their corners.
    corners = drawn[2::32, 2::32, 0] - drawn[29::32, 29::32, 0].astype(float)
    assert np.median(np.abs(corners)[partly]) == 0


def test_boxes_surround_face_and_hands(reference):
    drawn = person.Panel(reference, (16, 16)).draw(reference.keypoints, ("left", "right"))
    for box, colour in zip(
        (regions.face_box(reference.keypoints), *regions.hand_boxes(reference.keypoints)),
        (ink.FACE, ink.HANDS, ink.HANDS),
        strict=True,
    ):
        left, top, bottom = (round(4 * side) for side in (box.left, box.top, box.bottom))
        assert has(drawn[max(top, 0) + 4 : bottom - 4, left : left + 2], colour).mean() > 0.9


def test_names_of_parts_at_one_place_do_not_hide_each_other(reference):
    """Hands held together: both names stay readable."""
    together = reference.keypoints.copy()
    together[RIGHT_HAND] = together[LEFT_HAND]
    alone = reference.keypoints.copy()
    alone[RIGHT_HAND, 2] = 0
    notes = ("hand\nclarity 0.50", "hand\nclarity 0.50")
    box = regions.hand_boxes(together)[0]
    inked = []
    for pose in (together, alone):
        drawn = person.Panel(reference, (16, 16), movement=False).draw(pose, notes)
        letters = has(drawn, ink.HANDS, 40)
        letters[round(4 * box.top) - 2 : round(4 * box.bottom) + 2, round(4 * box.left) - 2 :] = False
        inked.append(letters.sum())
    assert inked[0] > 1.8 * inked[1] > 100


def test_hands_are_told_with_and_without_weights_that_know_what_is_clear(reference):
    known = dataclasses.replace(reference, deviation=np.float32([12.0, 4.0]))
    assert person.hand_notes(known, 4.0) == (
        "left hand\nclarity 0.75\nsharpness 12.0",
        "right hand\nclarity 0.50\nsharpness 4.0",
    )
    assert person.hand_notes(known, None) == ("left hand\nsharpness 12.0", "right hand\nsharpness 4.0")


def block(measured, height=200.0):
    canvas = Image.new("RGB", (20 + NARROWEST_FIGURES, 260), ink.PAPER)
    figures.draw(ImageDraw.Draw(canvas), Box(10.0, 10.0, 10.0 + NARROWEST_FIGURES, 10.0 + height), measured)
    return np.array(canvas)


def test_a_figure_that_does_not_fit_is_drawn_in_the_warning_colour_and_first():
    assert not has(block([GOOD]), ink.WARNING).any()
    assert has(block([GOOD]), ink.TEXT).any()
    drawn = block([GOOD, BAD])
    warned, plain = (np.flatnonzero(has(drawn, colour).any(axis=1)) for colour in (ink.WARNING, ink.TEXT))
    assert warned.max() < plain.min()
    # The advice lies below the figure's own line.
    assert warned.max() - warned.min() > ink.LINE


def inked(drawn):
    """Return the rows that are written on."""
    return np.flatnonzero((drawn != ink.PAPER).any(axis=(1, 2)))


@pytest.mark.parametrize("measured", [[GOOD] * 60, [BAD] * 9, [BAD] * 3 + [GOOD] * 60])
def test_more_figures_than_there_is_room_for_are_counted_and_stay_inside(measured):
    for height in (100.0, 101.0, 119.0, 137.0, 150.0):
        rows = inked(block(measured, height))
        assert 10 + height - 60 < rows.max() < 10 + height
    # With one more than fits, a line tells it.
    fitting = next(count for count in range(60, 0, -1) if inked(block([GOOD] * count)).max() < 192)
    assert (block([GOOD] * (fitting + 2))[190:206] == ink.FAINT).all(axis=-1).any()


@pytest.mark.parametrize("value", [25.8, -0.00083, 22050.0])
def test_long_names_do_not_run_into_values_nor_ranges_into_the_next_name(value):
    figure = Figure("recording.noise_ratio", value, -30000.0, 30000.0, "", "")
    drawn = block([figure, figure])
    empty = ~(drawn != ink.PAPER).any(axis=(0, 2))
    name_end = 10 + round(ink.length(figure.name, ink.SMALL))
    assert empty[name_end + 1 : name_end + 4].all()
    second = 10 + (NARROWEST_FIGURES + figures.GAP) // 2
    assert empty[second - 6 : second].all()


def test_figures_that_fit_stand_side_by_side():
    rows = inked(block([GOOD] * 10))
    assert rows.max() - rows.min() < 5 * figures.SMALL_LINE
    assert np.array_equal(block([BAD, *[GOOD] * 3]), block([*[GOOD] * 3, BAD]))


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(1.0, 2.5, "1 to 2.5"), (0.5, None, "from 0.5"), (None, 16000.0, "to 16000"), (None, None, "")],
)
def test_ranges_in_words(low, high, words):
    assert figures.span(Figure("a", 1.0, low, high, "", "")) == words


def test_tiles_show_what_the_model_gets_and_say_which_hand_is_not_seen(reference):
    red, blue = np.full((32, 32, 3), (200, 0, 0), np.uint8), np.full((48, 48, 3), (0, 0, 200), np.uint8)
    hands = np.stack([red, np.zeros_like(red)])
    drawn = overlay.draw(dataclasses.replace(reference, hands=hands, face=blue), None, None, (16, 16))
    edge = 145
    assert has(drawn, (0, 0, 200)).sum() == edge**2
    assert 0.8 * edge**2 < has(drawn, (200, 0, 0)).sum() < edge**2
    both = overlay.draw(dataclasses.replace(reference, hands=np.stack([red, red])), None, None, (16, 16))
    assert has(both, (200, 0, 0)).sum() > 1.8 * has(drawn, (200, 0, 0)).sum()
    for wanted, is_told in (((0.8, 0.1), False), ((0.1, 0.8), True)):
        told = dataclasses.replace(reference, hands=hands, face=blue, clarity=np.float32(wanted))
        assert np.array_equal(overlay.draw(told, None, None, (16, 16)), drawn) != is_told
