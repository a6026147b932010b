"""Numbers in `tests/parity/face_masks.safetensors` are those of Hallo's own functions, see the note beside it."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import face_masks
from cyberhost_cli.preprocess.regions import MOUTH
from cyberhost_cli.types import FACE

KINDS = ("background", "face", "lips")
LEVEL = 1 / 255


@pytest.fixture(scope="module")
def public():
    return load_file(Path(__file__).parents[1] / "parity" / "face_masks.safetensors")


def draw(public, name):
    height, width = public[f"{name}.size"].tolist()
    return face_masks.draw(public[f"{name}.keypoints"], float(public[f"{name}.growth"][0]), height, width)


def region(public, name, size):
    mask = np.zeros(size, np.uint8)
    top, bottom, left, right = public[f"{name}.region"]
    mask[top:bottom, left:right] = 255
    return mask


@pytest.mark.parametrize("name", ["upright", "turned", "edge"])
def test_masks_are_hallos(public, name):
    masks = draw(public, name)
    assert np.array_equal(masks.region, region(public, name, public[f"{name}.size"].tolist()))
    (soft,) = face_masks.pyramid(masks, [(64, 64)])
    # Their background is rounded down.
    assert np.abs(soft - np.stack([public[f"{name}.{kind}"] for kind in KINDS]) * LEVEL).max() < 1.5 * LEVEL


def test_every_level_of_the_pyramid_is_hallos(public):
    sides = [64, 32, 16, 8]
    for side, level in zip(sides, face_masks.pyramid(draw(public, "upright"), [(s, s) for s in sides]), strict=True):
        assert np.abs(level - public[f"upright.level{side}"]).max() < 1.5 * LEVEL


def test_levels_may_be_of_any_shape(public):
    tall, wide = face_masks.pyramid(draw(public, "turned"), [(80, 48), (5, 9)])
    assert (tall.shape, wide.shape) == ((3, 80, 48), (3, 5, 9))
    assert 0.9 < tall[2].max() <= 1
    assert tall[0].min() >= 0


def test_the_forehead_is_nearly_where_hallo_sees_it(public):
    """There they had all points of MediaPipe's face mesh of the same picture."""
    masks, seen = draw(public, "upright"), region(public, "mesh", (512, 512))
    both, either = (masks.region & seen).astype(bool).sum(), (masks.region | seen).astype(bool).sum()
    assert both / either > 0.94
    (soft,) = face_masks.pyramid(masks, [(64, 64)])
    assert np.abs(soft - np.stack([public[f"mesh.{kind}"] for kind in KINDS]) * LEVEL).mean() < 0.01


def test_a_turned_head_has_its_forehead_where_it_is(public):
    keypoints = public["upright.keypoints"].copy()
    middle = keypoints[FACE, :2].mean(axis=0)
    keypoints[:, :2] = (keypoints[:, :2] - middle)[:, ::-1] * np.float32([-1, 1]) + np.float32(256)
    rows, columns = face_masks.draw(keypoints, 1.0, 512, 512).region.nonzero()
    upright = draw(public, "upright").region.nonzero()
    # What was up is on the right now.
    assert np.ptp(columns) > np.ptp(rows)
    assert np.ptp(columns) * 1.2 == pytest.approx(np.ptp(upright[0]), abs=4)


def test_a_face_larger_than_the_picture_fills_it(public):
    keypoints = public["upright.keypoints"].copy()
    keypoints[:, :2] = (keypoints[:, :2] - keypoints[FACE, :2].mean(axis=0)) * 8 + np.float32(128)
    masks = face_masks.draw(keypoints, 1.2, 256, 256)
    assert masks.region.all()


@pytest.mark.parametrize(
    ("part", "told"), [(MOUTH, "lips"), (face_masks.CHIN, "outline"), (face_masks.NASION, "outline")]
)
def test_what_must_be_seen_is_told(public, part, told):
    keypoints = public["upright.keypoints"].copy()
    keypoints[part, 2] = 0
    with pytest.raises(InputError, match=told):
        face_masks.draw(keypoints, 1.2, 512, 512)
