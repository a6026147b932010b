import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import PresetError
from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.framing import frame, to_frame, to_picture
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND, Box, Person, Placement

HANDS = slice(LEFT_HAND.start, RIGHT_HAND.stop)


def person_at(figure, x, y, scale):
    points = figure.copy()
    points[:, :2] = (points[:, :2] - [64, 40]) * scale + [x, y]
    return Person(points, Box(0.0, 0.0, 1.0, 1.0))


def without_hands(figure):
    figure[HANDS, 2] = 0
    return figure


@pytest.fixture
def growing(configs):
    """Return a section whose frame may grow to twice its height: room for a head and no more."""
    update = {"width": 96, "height": 128, "face_heights": 2.5, "max_face_heights": 5.0, "face_top": 0.5}
    return configs.picture.model_copy(update=update)


def holds(box, points):
    x, y = points[:, :2].T
    return bool(((x >= box.left) & (x <= box.right) & (y >= box.top) & (y <= box.bottom)).all())


@pytest.mark.parametrize(("width", "height", "face_heights", "face_top"), [(128, 128, 3.6, 0.3), (64, 128, 5.0, 0.25)])
def test_a_frame_that_may_not_grow_has_the_face_where_the_preset_says(
    configs, figure, astronaut, width, height, face_heights, face_top
):
    faces = {"face_heights": face_heights, "max_face_heights": face_heights, "face_top": face_top}
    config = configs.picture.model_copy(update={"width": width, "height": height, **faces})
    framed, keypoints, placement = frame(astronaut, person_at(figure, 220.5, 130.25, 2.0), config)
    assert framed.shape == (height, width, 3)
    face = regions.extent(keypoints[FACE])
    assert face.height == pytest.approx(height / face_heights, rel=1e-4)
    assert face.centre == pytest.approx((width / 2, face_top * height), abs=1e-3)
    assert placement.box.height == pytest.approx(face_heights * 64)
    assert placement.box.width / placement.box.height == pytest.approx(width / height)
    assert (placement.picture_height, placement.picture_width) == (512, 512)


def test_a_frame_that_may_grow_stays_where_it_is_when_all_is_in_it(configs, figure, astronaut):
    person = person_at(without_hands(figure), 220.5, 130.25, 2.0)
    config = configs.picture.model_copy(update={"face_heights": 4.5, "max_face_heights": 4.5})
    larger = config.model_copy(update={"max_face_heights": 6.0})
    assert frame(astronaut, person, larger)[2] == frame(astronaut, person, config)[2]


def test_a_preset_whose_frame_must_shrink_is_refused():
    with pytest.raises(PresetError, match="max_face_heights: expected at least 5, the value of face_heights"):
        load_preset("demo", ["picture.face_heights=5"])


def test_the_frame_moves_before_it_grows(growing, figure, astronaut):
    person = person_at(without_hands(figure), 250.0, 250.0, 1.0)
    person.keypoints[5:7, 2] = 0
    person.keypoints[LEFT_HAND] = (284, 270, 1)  # beside the chin
    box = frame(astronaut, person, growing)[2].box
    assert box.height == pytest.approx(2.5 * 32)
    assert box.left > 250 - box.width / 2
    assert holds(box, person.keypoints[LEFT_HAND])
    assert holds(box, person.keypoints[FACE] + [0, -0.6 * 32, 0])


def test_the_frame_grows_for_shoulders_and_no_more_than_needed(growing, figure, astronaut):
    person = person_at(without_hands(figure), 250.0, 250.0, 1.0)
    box = frame(astronaut, person, growing)[2].box
    assert holds(box, person.keypoints[5:7])
    assert 52 < box.width < 52 + 32
    assert box.height == pytest.approx(box.width * 128 / 96)
    assert box.height > 2.5 * 32


def test_a_hand_that_does_not_fit_is_told_and_the_other_one_is_kept(growing, figure, astronaut, caplog):
    person = person_at(figure, 250.0, 200.0, 1.0)
    person.keypoints[RIGHT_HAND, :2] += [-20, 200]
    box = frame(astronaut, person, growing)[2].box
    assert holds(box, person.keypoints[[5, 6, *range(91, 112)]])
    (record,) = caplog.records
    assert "the right hand does not fit" in record.getMessage()
    assert "picture.max_face_heights" in record.getMessage()


def test_hands_outside_a_frame_that_may_not_grow_are_told_too(configs, figure, astronaut, caplog):
    person = person_at(figure, 250.0, 150.0, 2.0)
    person.keypoints[LEFT_HAND, :2] += [100, 0]
    frame(astronaut, person, configs.picture)
    assert [record.getMessage().split(" does")[0] for record in caplog.records] == ["the left hand"]


def test_the_frame_does_not_grow_for_what_the_picture_does_not_show(growing, figure, astronaut, caplog):
    person = person_at(without_hands(figure), 256.0, 480.0, 1.0)
    person.keypoints[HANDS] = (256, 560, 1)
    person.keypoints[5:7, 1] = 530
    box = frame(astronaut, person, growing)[2].box
    assert box.height == pytest.approx(2.5 * 32)
    assert not caplog.records


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    left=st.tuples(st.integers(-300, 300), st.integers(-300, 300)),
    right=st.tuples(st.integers(-300, 300), st.integers(-300, 300)),
    shape=st.tuples(st.sampled_from([64, 96, 128, 192]), st.sampled_from([64, 128, 192])),
    heights=st.tuples(st.floats(1.1, 6), st.floats(0, 6)),
    face_top=st.floats(0, 1),
)
def test_whatever_the_pose_the_head_stays_in_a_frame_of_a_fitting_size(
    configs, figure, left, right, shape, heights, face_top
):
    width, height = shape
    update = {"width": width, "height": height, "face_top": face_top, "face_heights": heights[0]}
    config = configs.picture.model_copy(update={**update, "max_face_heights": heights[0] + heights[1]})
    person = person_at(figure, 300.0, 300.0, 1.0)
    person.keypoints[LEFT_HAND, :2] += left
    person.keypoints[RIGHT_HAND, :2] += right
    framed, _, placement = frame(np.zeros((600, 600, 3), np.uint8), person, config)
    box = placement.box
    assert framed.shape == (height, width, 3)
    assert box.width / box.height == pytest.approx(width / height)
    assert 32 * config.face_heights * 0.999 < box.height < 32 * config.max_face_heights * 1.001
    head = person.keypoints[FACE, :2] + [[[-9, -20]], [[9, 3]]]
    largest = 32 * config.max_face_heights
    if config.max_face_heights > config.face_heights and largest >= max(60, 46 * height / width):
        assert holds(box, head.reshape(-1, 2))


@given(
    points=arrays(np.float64, (5, 2), elements=st.floats(-10_000, 10_000)),
    corner=st.tuples(st.floats(-5000, 5000), st.floats(-5000, 5000)),
    side=st.floats(8, 5000),
    height=st.integers(32, 1024),
)
def test_there_and_back_again(points, corner, side, height):
    placement = Placement(Box(*corner, corner[0] + side * 0.6, corner[1] + side), 1000, 1000)
    there = to_frame(points, placement, height)
    np.testing.assert_allclose(to_picture(there, placement, height), points, atol=1e-6)
    corners = to_picture(np.array([(0.0, 0.0), (0.6 * height, height)]), placement, height)
    np.testing.assert_allclose(corners.ravel(), (*corner, placement.box.right, placement.box.bottom), atol=1e-6)


def test_pixels_move_with_the_keypoints(configs, figure):
    picture = np.zeros((400, 400, 3), dtype=np.uint8)
    picture[147:153, 197:203] = 255
    person = person_at(figure, 210.0, 160.0, 2.0)
    person.keypoints[0, :2] = (200, 150)
    framed, keypoints, placement = frame(picture, person, configs.picture)
    weight = framed[:, :, 0].astype(float)
    rows, columns = np.indices(weight.shape) + 0.5
    found = (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()
    assert found == pytest.approx(keypoints[0, :2].tolist(), abs=0.1)
    assert to_picture(keypoints[:1, :2], placement, 128) == pytest.approx(np.array([[200, 150]]), abs=1e-3)


def test_points_outside_the_frame_are_not_known(configs, figure, astronaut):
    person = person_at(figure, 256, 200, 1.0)
    _, keypoints, _ = frame(astronaut, person, configs.picture)
    known = keypoints[keypoints[:, 2] > 0]
    assert ((known[:, :2] >= 0) & (known[:, :2] < 128)).all()
    assert not keypoints[11:13, 2].any()  # hips, below the frame
    assert keypoints[5:7, 2].all()
    assert person.keypoints[11:13, 2].all()


def test_beyond_the_picture_its_edge_goes_on(configs, figure):
    picture = np.full((100, 100, 3), 77, dtype=np.uint8)
    framed, _, _ = frame(picture, person_at(without_hands(figure), 50.0, 50.0, 2.5), configs.picture)
    assert (framed == 77).all()
