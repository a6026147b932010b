import numpy as np
import pytest

from cyberhost_cli.preprocess.preflight import picture
from cyberhost_cli.types import LEFT_HAND, Box, Person, Placement


def told(figures):
    return {name for name, figure in figures.items() if not figure.fits}


def test_every_limit_belongs_to_a_figure(look, hear, limits, astronaut, frontal, figure, voice):
    figure[:, :2] *= 4
    names = set(look(astronaut, frontal)) | set(look(astronaut, figure)) | set(hear(voice))
    parts = limits.model_dump(exclude={"strict"})
    keys = {f"{part}.{key}" for part, section in parts.items() for key in section}
    assert names == keys | {"frame.enlargement", "frame.padding"}


@pytest.mark.parametrize(
    ("box", "enlargement", "padding", "names"),
    [
        (Box(80.0, 0.0, 464.0, 512.0), 1.25, 0.0, set()),
        (Box(100.0, 0.0, 292.0, 320.0), 2.0, 0.0, set()),
        (Box(130.0, 20.0, 310.0, 320.0), 640 / 300, 0.0, {"frame.enlargement"}),
        (Box(-100.0, -100.0, 500.0, 900.0), 0.64, 1 - 500 * 512 / 600 / 1000, {"frame.padding"}),
        (Box(80.0, -100.0, 464.0, 540.0), 1.0, 128 / 640, set()),
    ],
)
def test_enlargement_and_padding_have_the_limits_of_the_picture(
    base, astronaut, frontal, box, enlargement, padding, names
):
    person, placement = Person(frontal, box), Placement(box, 512, 512)
    found = picture.measure(astronaut, person, placement, base.preflight, base.picture)
    figures = {figure.name: figure for figure in found if figure.name.startswith("frame.")}
    assert figures["frame.enlargement"].value == pytest.approx(enlargement)
    assert figures["frame.padding"].value == pytest.approx(padding, abs=1e-6)
    assert told(figures) - {"frame.shoulders"} == names


def test_a_shoulder_that_is_not_in_the_frame_is_told(look, astronaut, frontal):
    lost, aside = frontal.copy(), frontal.copy()
    lost[5, 2] = 0
    aside[6, 0] = -300
    for keypoints in (lost, aside):
        assert look(astronaut, keypoints)["frame.shoulders"].value == 1
        assert "frame.shoulders" in told(look(astronaut, keypoints))


@pytest.mark.parametrize(("length", "fits"), [(30, False), (60, True)])
def test_hands_are_counted_and_small_ones_are_told(look, astronaut, frontal, length, fits):
    assert look(astronaut, frontal)["hands.seen"].value == 0
    keypoints = frontal.copy()
    keypoints[LEFT_HAND] = [(300, 400 - length * joint / 20, 1) for joint in range(21)]
    figures = look(astronaut, keypoints)
    assert figures["hands.seen"].value == 1
    assert figures["hands.size"].value == pytest.approx(length)
    assert figures["hands.size"].fits is fits


def test_figures_are_numbers_even_of_a_flat_picture(look, frontal):
    figures = look(np.full((512, 512, 3), 128, dtype=np.uint8), frontal)
    assert np.isfinite([figure.value for figure in figures.values()]).all()
    assert told(figures) >= {"face.sharpness", "face.contrast", "face.features"}
