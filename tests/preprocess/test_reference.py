import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import overlay, reference
from cyberhost_cli.types import FACE


@pytest.fixture(scope="module")
def prepared(astronaut, detector, configs):
    return reference.prepare(astronaut, detector, configs.picture, configs.detection, configs.conditions)


def test_everything_has_the_presets_size(prepared):
    assert prepared.picture.shape == prepared.skeleton.shape == (128, 128, 3)
    assert prepared.face.shape == (48, 48, 3)
    assert prepared.hands.shape == (2, 32, 32, 3)
    assert prepared.movement.shape == (128, 128)
    assert prepared.clarity.tolist() == pytest.approx([0.8, 0.8])


def test_the_astronauts_face_is_where_the_preset_says(prepared):
    assert prepared.keypoints[FACE, 2].all()
    assert prepared.keypoints[FACE, :2].mean(axis=0) == pytest.approx((64, 0.3 * 128), abs=6)


def test_hands_that_are_not_seen_are_black_and_the_chest_may_move(prepared):
    assert not prepared.hands.any()
    rows, columns = prepared.movement.nonzero()
    assert rows.min() > prepared.keypoints[FACE, 1].max()
    assert 0 < columns.min() < 64 < columns.max() < 128


def test_unsure_points_count_as_not_known(astronaut, detector, configs):
    strict = configs.detection.model_copy(update={"min_confidence": 0.999})
    found = reference.prepare(astronaut, detector, configs.picture, strict, configs.conditions)
    loose = configs.detection.model_copy(update={"min_confidence": 0.0})
    everything = reference.prepare(astronaut, detector, configs.picture, loose, configs.conditions)
    assert (found.keypoints[:17, 2] > 0).sum() < (everything.keypoints[:17, 2] > 0).sum()
    assert np.array_equal(found.picture, everything.picture)


def test_exact_keypoints_go_the_same_way(prepared, configs):
    again = reference.from_keypoints(prepared.picture, prepared.keypoints, configs.picture, configs.conditions)
    for name in ("skeleton", "face", "hands", "movement", "clarity"):
        assert np.array_equal(getattr(again, name), getattr(prepared, name))


def test_seen_hands_are_cut_out_left_first(figure, configs):
    picture = np.zeros((128, 128, 3), dtype=np.uint8)
    picture[:, 64:] = 200
    left, right = reference.from_keypoints(picture, figure, configs.picture, configs.conditions).hands
    assert (left == 200).all()
    assert (right == 0).all()


def test_a_picture_of_nobody_and_a_pose_without_a_face_are_errors(detector, figure, configs):
    empty = np.zeros((128, 128, 3), dtype=np.uint8)
    with pytest.raises(InputError, match="no person found"):
        reference.prepare(empty, detector, configs.picture, configs.detection, configs.conditions)
    figure[FACE, 2] = 0
    with pytest.raises(InputError, match="no face found"):
        reference.from_keypoints(empty, figure, configs.picture, configs.conditions)


def test_overlay_enlarges_small_references_and_shows_rectangle_and_boxes(prepared):
    drawn = overlay.draw(prepared)
    assert drawn.shape == (512, 512, 3)
    plain = np.repeat(np.repeat(prepared.picture, 4, axis=0), 4, axis=1).astype(int)
    inside = np.repeat(np.repeat(prepared.movement, 4, axis=0), 4, axis=1) == 255
    greener = (drawn - plain)[:, :, 1] - (drawn - plain)[:, :, 0]
    assert greener[inside].mean() > 30
    white = (drawn == 255).all(axis=2)
    assert white.sum() > 500


def test_overlay_keeps_the_size_of_large_references(figure, configs, astronaut):
    large = figure * np.float32([4, 4, 1])
    found = reference.from_keypoints(astronaut, large, configs.picture, configs.conditions)
    drawn = overlay.draw(found)
    assert drawn.shape == astronaut.shape
    magenta = (drawn == [255, 0, 255]).all(axis=2)
    assert magenta[:, :256].sum() > 100
    assert magenta[:, 256:].sum() > 100
