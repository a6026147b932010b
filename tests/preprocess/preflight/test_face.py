import numpy as np
import pytest
from PIL import Image, ImageFilter

from cyberhost_cli.preprocess.preflight import face as faces
from cyberhost_cli.preprocess.regions import known_face
from cyberhost_cli.types import FACE, LEFT_HAND


def blurred(pixels, sigma):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def scaled(pixels, keypoints, factor):
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    smaller = keypoints.copy()
    smaller[:, :2] *= factor
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)), smaller


def tinted(pixels, colour):
    return np.rint(pixels * np.array(colour)).clip(0, 255).astype(np.uint8)


def filled(pixels, box, colour):
    changed = pixels.copy()
    changed[round(box[1]) : round(box[3]), round(box[0]) : round(box[2])] = colour
    return changed


def told(figures, part="face."):
    return {name for name, figure in figures.items() if name.startswith(part) and not figure.fits}


def test_a_good_photograph_is_silent(look, astronaut, frontal):
    figures = look(astronaut, frontal)
    assert told(figures, "") == set()
    assert figures["face.height"].value == pytest.approx(91, abs=4)
    assert abs(figures["face.turn"].value) < 5


def test_sharpness_falls_with_blur_and_a_blurred_face_is_told(look, sharp, astronaut, frontal):
    values = [sharp(blurred(astronaut, sigma)) for sigma in (0, 0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert told(look(blurred(astronaut, 1), frontal)) == set()
    assert told(look(blurred(astronaut, 3), frontal)) == {"face.sharpness"}


@pytest.mark.parametrize("colour", [(0.3, 0.3, 0.3), (0.62, 0.45, 0.38), (1.15, 1.0, 0.9)])
def test_sharpness_depends_neither_on_light_nor_on_skin(sharp, astronaut, colour):
    assert sharp(tinted(astronaut, colour)) == pytest.approx(sharp(), rel=0.12)
    # Eight bits are coarse for what is dark and smooth.
    assert sharp(tinted(blurred(astronaut, 3), colour)) == pytest.approx(sharp(blurred(astronaut, 3)), rel=0.2)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_sharpness_hardly_depends_on_size(sharp, astronaut, frontal, factor):
    assert sharp(*scaled(astronaut, frontal, factor)) == pytest.approx(sharp(), rel=0.15)


def test_a_small_face_is_told_by_the_large_preset_alone(look, configs, astronaut, frontal):
    pixels, keypoints = scaled(astronaut, frontal, 0.35)
    assert told(look(pixels, keypoints), "") == {"face.height", "frame.enlargement"}
    assert told(look(pixels, keypoints, configs), "") == set()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda pixels: pixels * 0.6, set()),
        (lambda pixels: pixels * 0.25, {"face.light"}),
        (lambda pixels: pixels * 2.0, {"face.blown"}),
        (lambda pixels: pixels * 0.1 + 140, {"face.contrast"}),
    ],
)
def test_dark_blown_and_pale_faces_are_told(look, astronaut, frontal, change, names):
    assert told(look(change(astronaut.astype(float)).clip(0, 255).astype(np.uint8), frontal)) == names


def test_things_over_the_face_are_told(look, astronaut, frontal):
    box = known_face(frontal)
    mask = (box.left, box.top + 0.5 * box.height, box.right, box.bottom)
    glasses = (box.left, box.top, box.right, box.top + 0.35 * box.height)
    half = (box.left, box.top, box.centre[0], box.bottom)
    assert "face.features" in told(look(filled(astronaut, mask, (235, 235, 235)), frontal))
    assert told(look(filled(astronaut, mask, (30, 60, 140)), frontal)) >= {"face.features", "face.colours"}
    assert told(look(filled(astronaut, glasses, (10, 10, 10)), frontal)) == {"face.features"}
    assert told(look(filled(astronaut, half, (10, 90, 10)), frontal)) >= {"face.features", "face.colours"}


def test_hues_are_those_of_skin_in_any_light(look, astronaut, frontal):
    plain = look(astronaut, frontal)["face.colours"].value
    columns = np.linspace(1.2, 0.5, astronaut.shape[1])[:, None]
    shaded = (astronaut * columns).clip(0, 255).astype(np.uint8)
    assert look(shaded, frontal)["face.colours"].value == pytest.approx(plain, abs=0.05)


def test_a_hand_over_the_face_is_told(look, astronaut, frontal):
    keypoints, box = frontal.copy(), known_face(frontal)
    fingers = np.linspace(0, 1, 21)
    keypoints[LEFT_HAND, 0] = box.right + 2 + 40 * fingers
    keypoints[LEFT_HAND, 1] = box.top + 60 * fingers
    keypoints[LEFT_HAND, 2] = 1
    assert told(look(astronaut, keypoints)) == set()
    keypoints[LEFT_HAND, 0] -= 30
    figures = look(astronaut, keypoints)
    assert told(figures) == {"face.covered"}
    assert figures["face.covered"].value == pytest.approx(28 * 60 / (box.width * box.height), rel=0.15)


def test_points_of_little_confidence_are_told(look, astronaut, frontal):
    unsure = frontal.copy()
    unsure[FACE, 2] = 0.4
    unsure[:7, 2] = 0.3
    assert told(look(astronaut, unsure), "") == {"face.confidence", "body.confidence"}


def head(turn=0.0, tilt=0.0):
    """Return some of the 68 points of a round head, turned about its axis and then tilted, in degrees."""
    points = np.zeros((68, 3), dtype=np.float32)
    places = {0: (-6, 0, 0), 16: (6, 0, 0), 30: (0, 2, 8), 36: (-4.5, -3, 4), 45: (4.5, -3, 4)}
    angle, lean = np.radians([turn, tilt])
    for index, (aside, y, forward) in places.items():
        x = aside * np.cos(angle) + forward * np.sin(angle)
        points[index] = (100 + x * np.cos(lean) - y * np.sin(lean), 100 + x * np.sin(lean) + y * np.cos(lean), 1)
    return points


@pytest.mark.parametrize("degrees", [-60, -30, 0, 15, 45, 75])
def test_turn_of_a_round_head(degrees):
    assert faces.turn(head(turn=degrees)) == pytest.approx(degrees, abs=0.1)
    assert faces.turn(head(turn=degrees, tilt=25)) == pytest.approx(degrees, abs=0.1)
    assert faces.tilt(head(tilt=degrees)) == pytest.approx(degrees, abs=0.1)


def test_a_face_turned_away_and_a_leaning_head_are_told(look, astronaut, frontal):
    turned, leaning = frontal.copy(), frontal.copy()
    turned[FACE.start + 30, 0] += 60
    assert told(look(astronaut, turned)) == {"face.turn"}
    lean = np.radians(30)
    matrix = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    middle = leaning[FACE, :2].mean(axis=0)
    leaning[FACE, :2] = (leaning[FACE, :2] - middle) @ matrix.T + middle
    assert "face.tilt" in told(look(astronaut, leaning))


@pytest.mark.parametrize(("gap", "names"), [(0.0, set()), (0.3, set()), (0.5, {"face.mouth"})])
def test_an_open_mouth_is_told(look, astronaut, frontal, gap, names):
    keypoints = frontal.copy()
    left, right, upper, lower = FACE.start + np.array([60, 64, 62, 66])
    width = np.linalg.norm(keypoints[right, :2] - keypoints[left, :2])
    keypoints[lower, :2] = keypoints[upper, :2] + (0, gap * width)
    figures = look(astronaut, keypoints)
    assert told(figures) == names
    assert figures["face.mouth"].value == pytest.approx(gap, abs=1e-4)


def test_closed_eyes_are_told(look, astronaut, frontal):
    keypoints = frontal.copy()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        keypoints[FACE.start + lower, :2] = keypoints[FACE.start + upper, :2] + (0, 1)
    assert "face.eyes" in told(look(astronaut, keypoints))


def test_what_is_not_known_is_left_out(look, astronaut, frontal):
    keypoints = frontal.copy()
    keypoints[FACE.start + np.array([0, 37, 62]), 2] = 0
    figures = look(astronaut, keypoints)
    assert not {"face.turn", "face.eyes", "face.mouth"} & set(figures)
    assert "face.tilt" in figures
