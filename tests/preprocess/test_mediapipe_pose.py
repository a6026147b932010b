import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def person(detector, astronaut):
    (found,) = detector.detect(astronaut)
    return found


def test_face_lies_on_the_photographs_face(person):
    face = person.keypoints[FACE, :2]
    left_eye, right_eye = face[42:48].mean(axis=0), face[36:42].mean(axis=0)
    assert left_eye == pytest.approx((247, 104), abs=4)
    assert right_eye == pytest.approx((204, 101), abs=4)
    assert face[48:68].mean(axis=0) == pytest.approx((223, 143), abs=4)
    assert face[8] == pytest.approx((221, 178), abs=4)


def test_the_68_points_are_in_their_order(person):
    face = person.keypoints[FACE, :2]
    assert (np.diff(face[:9, 1]) > 0).all()  # down the jaw on our left
    assert (np.diff(face[8:17, 1]) < 0).all()  # up the jaw on our right
    assert face[0, 0] < face[36, 0] < face[8, 0] < face[45, 0] < face[16, 0]
    assert (np.diff(face[17:27, 0]) > 0).all()  # brows
    assert (np.diff(face[27:31, 1]) > 0).all()  # down the nose
    assert (np.diff(face[31:36, 0]) > 0).all()
    assert (np.diff(face[48:55, 0]) > 0).all()  # upper lip
    assert (np.diff(face[54:60, 0]) < 0).all()  # lower lip, back
    assert (np.diff(face[60:65, 0]) > 0).all()
    assert face[17:27, 1].max() < face[36:48, 1].min() < face[30, 1] < face[48:, 1].min() < face[8, 1]


def test_left_is_the_persons_left(person):
    x = person.keypoints[:, 0]
    for left, right in ((1, 2), (3, 4), (5, 6), (7, 8)):
        assert x[left] > x[right]


def test_what_was_seen_before_does_not_matter(detector, astronaut, person):
    raised = np.array(Image.open(ROOT / "presets/demo/ref.png").convert("RGB"))
    for before in (astronaut[:, ::-1].copy(), raised, np.zeros_like(astronaut)):
        detector.detect(before)
        (again,) = detector.detect(astronaut)
        assert np.array_equal(again.keypoints, person.keypoints)
    (with_hands,) = detector.detect(raised)
    x = with_hands.keypoints[:, 0]
    assert with_hands.keypoints[LEFT_HAND.start :, 2].all()
    assert x[RIGHT_HAND].max() < x[LEFT_HAND].min()


def test_body_and_face_agree_on_the_eyes(person):
    face = person.keypoints[FACE, :2]
    assert person.keypoints[1, :2] == pytest.approx(face[42:48].mean(axis=0), abs=3)
    assert person.keypoints[2, :2] == pytest.approx(face[36:42].mean(axis=0), abs=3)


def test_unseen_hands_and_small_toes_are_not_known(person):
    assert not person.keypoints[91:, 2].any()
    assert not person.keypoints[[18, 21], 2].any()


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea", "brick", "gravel", "coins"])
def test_a_picture_without_people_has_none(detector, name):
    pixels = getattr(skimage.data, name)()
    colours = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, axis=2)
    assert detector.detect(colours) == []


def test_a_black_picture_has_nobody(detector):
    assert detector.detect(np.zeros((128, 128, 3), dtype=np.uint8)) == []


def test_all_six_of_a_group_are_found_with_their_faces(detector):
    place = find_spec("insightface").submodule_search_locations[0]
    people = detector.detect(np.array(Image.open(Path(place) / "data/images/t1.jpg").convert("RGB")))
    faces = sorted(regions.extent(person.keypoints[FACE]).centre for person in people)
    expected = [(118, 348), (324, 220), (520, 356), (803, 426), (965, 144), (1174, 344)]
    assert np.array(faces) == pytest.approx(np.array(expected), abs=25)


def test_two_people_are_found_each_once_at_their_places(detector, astronaut, person):
    found = detector.detect(np.concatenate([astronaut, astronaut], axis=1))
    assert len(found) == 2
    left, right = sorted(found, key=lambda one: one.box.left)
    expected = person.keypoints[FACE, :2]
    assert np.abs(left.keypoints[FACE, :2] - expected).max() < 12
    assert np.abs(right.keypoints[FACE, :2] - expected - [512, 0]).max() < 12


def test_a_small_person_far_off_is_found(detector, astronaut):
    scene = np.full((1500, 2000, 3), 120, dtype=np.uint8)
    scene[900:1412, 1000:1512] = astronaut
    (found,) = detector.detect(scene)
    assert regions.face_box(found.keypoints).centre == pytest.approx((1223, 1020), abs=20)


def test_large_and_small_pictures_give_the_same_places(detector, astronaut, person):
    for side, error in ((128, 2), (1024, 1)):
        (found,) = detector.detect(np.array(Image.fromarray(astronaut).resize((side, side))))
        assert np.abs(found.keypoints[FACE, :2] * (512 / side) - person.keypoints[FACE, :2]).mean() < error


def test_terminal_stays_silent_and_the_missing_package_is_told():
    code = (
        "import sys, numpy as np\n"
        "from cyberhost_cli.errors import CyberHostError\n"
        "from cyberhost_cli.preprocess.mediapipe_pose import MediapipePose\n"
        "MediapipePose().detect(np.zeros((64, 64, 3), np.uint8))\n"
        "sys.modules['mediapipe'] = None\n"
        "sys.modules.pop('mediapipe.python.solutions')\n"
        "try:\n"
        "    MediapipePose()\n"
        "except CyberHostError as error:\n"
        "    print(error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert done.stderr == ""
    assert done.stdout == "install it with `pip install 'cyberhost[offline]'`\n"
