from pathlib import Path

import insightface
import numpy as np
import pytest
from PIL import Image

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import faces, regions
from cyberhost_cli.types import FACE, Box, Person


def nowhere(name):
    raise AssertionError(f"{name} is not needed")


@pytest.fixture(scope="module")
def finder(configs, detector):
    return faces.load_detector(configs.detection, nowhere, detector)


def test_five_points_lie_on_the_photographs_face(finder, astronaut):
    (face,) = finder.detect(astronaut)
    right_eye, left_eye, nose, right_corner, left_corner = face.points
    assert right_eye == pytest.approx((204, 101), abs=4)
    assert left_eye == pytest.approx((247, 104), abs=4)
    assert nose == pytest.approx((220, 127), abs=5)
    assert right_corner == pytest.approx((203, 142), abs=5)
    assert left_corner == pytest.approx((243, 143), abs=5)
    assert face.confidence == 1


def test_points_are_the_middles_of_their_parts(figure):
    rng = np.random.default_rng(0)
    figure[FACE, :2] = rng.uniform(20, 100, (68, 2))
    face = faces.from_keypoints(figure)
    points = figure[FACE, :2]
    expected = [points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48], points[54]]
    assert face.points == pytest.approx(np.array(expected), abs=1e-4)
    assert face.box == regions.face_box(figure)


def test_unsure_points_count_for_less_and_unknown_ones_for_nothing(figure):
    eye = slice(FACE.start + 36, FACE.start + 42)
    figure[eye, :2] = [[10, 20], [40, 30], [99, 99], [99, 99], [99, 99], [99, 99]]
    figure[eye, 2] = [1, 0.5, 0, 0, 0, 0]
    face = faces.from_keypoints(figure)
    assert face.points[0] == pytest.approx((20, 70 / 3))
    assert face.confidence == pytest.approx((1.5 + 6 + 3) / 15)


@pytest.mark.parametrize("part", [slice(36, 42), slice(42, 48), slice(30, 31), slice(48, 49), slice(54, 55), slice(68)])
def test_without_one_of_its_parts_there_is_no_face(figure, finder, part):
    figure[FACE.start + part.start if part.start else FACE.start : FACE.start + part.stop, 2] = 0
    person = Person(figure, Box(0.0, 0.0, 128.0, 128.0))
    picture = np.zeros((128, 128, 3), dtype=np.uint8)
    assert finder.face_of(picture, person) is None
    with pytest.raises(InputError, match="eyes, nose and mouth") as raised:
        faces.face_of(picture, person, finder)
    assert "detection.embedder=null" in raised.value.hint


def test_the_face_of_a_person_is_that_of_its_keypoints(figure, finder):
    person = Person(figure, Box(0.0, 0.0, 128.0, 128.0))
    face = faces.face_of(np.zeros((128, 128, 3), dtype=np.uint8), person, finder)
    assert np.array_equal(face.points, faces.from_keypoints(figure).points)


def test_a_preset_without_an_embedder_needs_no_files(configs):
    assert faces.load_embedder(configs.detection, nowhere) is None
    assert faces.load_picture_embedder(configs.detection, nowhere) is None


def test_each_embedder_looks_at_what_it_knows(configs):
    whole = configs.detection.model_copy(update={"embedder": "clip"})
    assert faces.load_embedder(whole, nowhere) is None
    face = configs.detection.model_copy(update={"embedder": "arcface"})
    assert faces.load_picture_embedder(face, nowhere) is None


def test_faces_of_insightfaces_group_picture_are_found(finder):
    """The three of six who look at the camera at least; the places were read off the picture."""
    path = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
    found = finder.detect(np.array(Image.open(path).convert("RGB")))
    for eyes in ([(86, 329), (128, 309)], [(493, 321), (539, 332)], [(761, 398), (804, 404)]):
        distances = [np.abs(face.points[:2] - eyes).max() for face in found]
        assert min(distances) < 6
    assert len(found) <= 6
