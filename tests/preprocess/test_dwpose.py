import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.preprocess import pose
from cyberhost_cli.preprocess.dwpose import Dwpose
from cyberhost_cli.types import KEYPOINTS
from tests.preprocess import nets
from tests.preprocess.process import said

ACROSS, DOWN = np.full(KEYPOINTS, 1.3), np.full(KEYPOINTS, 0.8)
"""How sure the points are of x and of y; real models go beyond 1 too."""
ACROSS[131:], DOWN[131] = (0.2, 0.0), 0.9


def build(folder, **people):
    folder.mkdir(exist_ok=True)
    nets.yolox(folder / "yolox_l.onnx", **people)
    nets.simcc(folder / "dw-ll_ucoco_384.onnx", ACROSS, DOWN)
    return folder


def scene(height, width):
    return np.full((height, width, 3), 50, dtype=np.uint8)


def mark(picture, stride, cell, colour=(0, 50, 50)):
    """Fill what the letterbox brings into one of YOLOX's cells (column, row), and return its middle and the scales."""
    sides = np.array(picture.shape[1::-1])
    scales = np.rint(sides * 640 / sides.max()) / sides
    (left, top), (right, bottom) = (np.rint((np.array(cell) + add) * stride / scales).astype(int) for add in (0, 1))
    picture[top:bottom, left:right] = colour
    return (np.array(cell) + 0.5) * stride / scales, scales


def dot(picture, place, channel, radius):
    """Draw a bright spot with its middle at `place`, pixel centres at .5."""
    x, y = place
    columns, rows = np.arange(picture.shape[1]) + 0.5 - x, np.arange(picture.shape[0]) + 0.5 - y
    spot = 255 * np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * radius**2))
    picture[:, :, channel] = np.maximum(picture[:, :, channel], spot.astype(np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return models that see somebody 160 by 240 pixels of the 640 large around a red cell of 16 pixels."""
    return build(tmp_path_factory.mktemp("models") / "dwpose", stride=16, sides=(160, 240))


@pytest.fixture(scope="module")
def dwpose(folder, configs):
    named = []
    config = configs.detection.model_copy(update={"detector": "dwpose"})
    found = pose.load(config, lambda name: named.append(name) or folder)
    assert named == ["dwpose"]
    return found


@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize("size", [(640, 640), (420, 500), (1500, 2603), (1999, 701)])
def test_boxes_come_back_through_the_letterbox(tmp_path, stride, size):
    picture = scene(*size)
    middle, scales = mark(picture, stride, (96 // stride, 160 // stride))
    (person,) = Dwpose(build(tmp_path / "m", stride=stride, sides=(150, 250))).detect(picture)
    assert person.box.centre == pytest.approx(middle, abs=1e-3)
    assert (person.box.width, person.box.height) == pytest.approx((150, 250) / scales, abs=1e-3)


def test_boxes_end_at_the_picture_and_the_filling_has_nobody(dwpose):
    picture = scene(400, 640)
    mark(picture, 16, (1, 23))
    (person,) = dwpose.detect(picture)
    assert dataclasses.astuple(person.box) == pytest.approx((0, 376 - 120, 24 + 80, 400))
    assert dwpose.detect(np.full((64, 41000, 3), 114, dtype=np.uint8)) == []


def test_people_are_sought_in_bgr_and_other_things_are_none(dwpose, tmp_path):
    assert dwpose.detect(scene(300, 300)) == []
    picture = scene(640, 640)
    mark(picture, 16, (20, 20), (50, 50, 0))
    assert dwpose.detect(picture) == []
    mark(picture, 16, (20, 20))
    assert len(dwpose.detect(picture)) == 1
    dogs = build(tmp_path / "dogs", stride=16, sides=(160, 240), kind=16)
    assert Dwpose(dogs).detect(picture) == []


@pytest.mark.parametrize("size", [(640, 640), (300, 300), (900, 1400), (2603, 2600)])
def test_points_come_back_through_crop_and_bins(dwpose, size):
    picture = scene(*size)
    middle, (scale, _) = mark(picture, 16, (20, 15))
    places = middle + np.array([[-61.3, -83.1], [47.7, 12.4], [-14.2, 91.9]]) / scale
    for channel, place in enumerate(places):
        dot(picture, place, channel, radius=6 / scale)
    (person,) = dwpose.detect(picture)
    found = person.keypoints[:131, :2] - places[np.arange(131) % 3]
    # The crop is 1.25 times the box and 384 high, its bins are half a pixel: at most a quarter of one off.
    step = 240 * 1.25 / 384 / scale
    assert np.abs(found).max() < 0.25 * step + 0.05 * max(1, step)


def test_large_pictures_are_made_coarser_without_losing_the_place(dwpose):
    picture = scene(2600, 2600)
    middle, _ = mark(picture, 16, (20, 20))
    places = middle + np.array([[-251.0, 103.0], [152.0, -303.0], [49.0, 351.0]])
    for channel, place in enumerate(places):
        dot(picture, place, channel, radius=25)
    # White specks, lost in the grey once made coarser, but bright where pixels are skipped.
    specks = np.random.default_rng(0).random((2600, 1300)) < 0.02
    picture[:, :1300][specks] = 255
    (person,) = dwpose.detect(picture)
    assert np.abs(person.keypoints[:3, :2] - places).max() < 2.5


def test_two_people_have_their_own_points_the_surer_first(dwpose):
    picture = scene(640, 640)
    for column, red in ((8, 10), (30, 0)):
        middle, _ = mark(picture, 16, (column, 20), (red, 50, 50))
        for channel in range(3):
            dot(picture, middle + np.array([10 * channel, 60]), channel, 4)
    right, left = dwpose.detect(picture)
    for person, x in ((left, 136), (right, 488)):
        assert person.keypoints[:3, 0] == pytest.approx([x, x + 10, x + 20], abs=0.3)
        assert person.keypoints[:3, 1] == pytest.approx([388] * 3, abs=0.3)


def test_a_point_is_as_sure_as_its_worse_coordinate(dwpose):
    picture = scene(640, 640)
    mark(picture, 16, (20, 20))
    (person,) = dwpose.detect(picture)
    assert person.keypoints[0, 2] == pytest.approx(0.8, abs=0.01)
    assert person.keypoints[131, 2] == pytest.approx(0.2, abs=0.01)
    assert person.keypoints[132, 2] == 0
    assert (person.keypoints[:, 2] <= 1).all()


@pytest.fixture(scope="module")
def sized(tmp_path_factory):
    """Return a detector to which green tells a person's size."""
    return Dwpose(build(tmp_path_factory.mktemp("sized") / "m", stride=32, sides=(100, 120), growth=0.5))


def overlap(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return common / (sum(areas) - common)


cells = st.tuples(st.integers(7, 12), st.integers(7, 12), st.integers(0, 150))


@settings(max_examples=40, deadline=None)
@given(st.lists(cells, min_size=1, max_size=9, unique_by=lambda cell: cell[:2]), st.randoms())
def test_of_overlapping_boxes_the_surest_stay(sized, found, random):
    picture = scene(640, 640)
    reds = random.sample(range(0, 34, 3), len(found))
    boxes = []
    for (column, row, green), red in sorted(zip(found, reds, strict=True), key=lambda pair: pair[1]):
        x, y = mark(picture, 32, (column, row), (red, green, 50))[0]
        width, height = np.array([100, 120]) * np.exp(0.5 * (green / 50 - 1)) / 2
        boxes.append((x - width, y - height, x + width, y + height))
    shares = [overlap(one, other) for one in boxes for other in boxes if one != other]
    assume(all(abs(share - 0.45) > 0.01 for share in shares))
    kept = []
    for box in boxes:
        if all(overlap(box, other) <= 0.45 for other in kept):
            kept.append(box)
    people = [person.box for person in sized.detect(picture)]
    expected = np.clip(kept, 0, 640)
    assert [[box.left, box.top, box.right, box.bottom] for box in people] == pytest.approx(expected, abs=0.01)


def test_missing_damaged_and_swapped_files_are_told(folder, tmp_path):
    hint = "cyberhost weights fetch dwpose"
    with pytest.raises(CheckpointError, match=r"yolox_l\.onnx` does not exist") as raised:
        Dwpose(tmp_path)
    assert hint in raised.value.hint
    people, points = ((folder / name).read_bytes() for name in ("yolox_l.onnx", "dw-ll_ucoco_384.onnx"))
    (tmp_path / "yolox_l.onnx").write_bytes(people)
    for damaged in (points[: len(points) // 2], b"version https://git-lfs.github.com/spec/v1\n", b""):
        (tmp_path / "dw-ll_ucoco_384.onnx").write_bytes(damaged)
        with pytest.raises(CheckpointError, match="is no ONNX model, or is damaged") as raised:
            Dwpose(tmp_path)
        assert hint in raised.value.hint
    (tmp_path / "dw-ll_ucoco_384.onnx").write_bytes(people)
    with pytest.raises(CheckpointError, match="holds another model") as raised:
        Dwpose(tmp_path)
    assert hint in raised.value.hint


def test_terminal_stays_silent_and_missing_packages_are_told(folder):
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from cyberhost_cli.errors import CyberHostError\n"
        "from cyberhost_cli.preprocess.dwpose import Dwpose\n"
        "folder = Path(sys.argv[1])\n"
        "Dwpose(folder).detect(np.zeros((64, 64, 3), np.uint8))\n"
        "for package in ('onnxruntime', 'rtmlib'):\n"
        "    for name in [name for name in sys.modules if name.startswith(package)]:\n"
        "        del sys.modules[name]\n"
        "    sys.modules[package] = None\n"
        "    try:\n"
        "        Dwpose(folder)\n"
        "    except CyberHostError as error:\n"
        "        print(error.message, error.hint, sep='; ')\n"
    )
    hint = "install it with `pip install 'cyberhost[dwpose]'`"
    assert said(code, folder) == [
        f"`yolox_l.onnx` needs the package `onnxruntime`, which is not installed; {hint}",
        f"the detector `dwpose` needs the package `rtmlib`, which is not installed; {hint}",
    ]
