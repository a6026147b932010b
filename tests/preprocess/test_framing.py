import numpy as np
import pytest

from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.framing import frame
from cyberhost_cli.types import FACE, Box, Person


def person_at(figure, x, y, scale):
    points = figure.copy()
    points[:, :2] = (points[:, :2] - [64, 40]) * scale + [x, y]
    return Person(points, Box(0.0, 0.0, 1.0, 1.0))


@pytest.mark.parametrize(("width", "height", "face_heights", "face_top"), [(128, 128, 3.6, 0.3), (64, 128, 5.0, 0.25)])
def test_the_face_comes_where_the_preset_says(configs, figure, astronaut, width, height, face_heights, face_top):
    config = configs.picture.model_copy(
        update={"width": width, "height": height, "face_heights": face_heights, "face_top": face_top}
    )
    framed, keypoints = frame(astronaut, person_at(figure, 220.5, 130.25, 2.0), config)
    assert framed.shape == (height, width, 3)
    face = regions.extent(keypoints[FACE])
    assert face.height == pytest.approx(height / face_heights, rel=1e-4)
    assert face.centre == pytest.approx((width / 2, face_top * height), abs=1e-3)


def test_pixels_move_with_the_keypoints(configs, figure):
    picture = np.zeros((400, 400, 3), dtype=np.uint8)
    picture[147:153, 197:203] = 255
    person = person_at(figure, 210.0, 160.0, 2.0)
    person.keypoints[0, :2] = (200, 150)
    framed, keypoints = frame(picture, person, configs.picture)
    weight = framed[:, :, 0].astype(float)
    rows, columns = np.indices(weight.shape) + 0.5
    found = (columns * weight).sum() / weight.sum(), (rows * weight).sum() / weight.sum()
    assert found == pytest.approx(keypoints[0, :2].tolist(), abs=0.1)


def test_points_outside_the_frame_are_not_known(configs, figure, astronaut):
    person = person_at(figure, 256, 200, 1.0)
    _, keypoints = frame(astronaut, person, configs.picture)
    known = keypoints[keypoints[:, 2] > 0]
    assert ((known[:, :2] >= 0) & (known[:, :2] < 128)).all()
    assert not keypoints[11:13, 2].any()  # hips, below the frame
    assert keypoints[5:7, 2].all()
    assert person.keypoints[11:13, 2].all()


def test_much_padding_is_warned_of_and_goes_on_with_the_edge(configs, figure, caplog):
    picture = np.full((100, 100, 3), 77, dtype=np.uint8)
    framed, _ = frame(picture, person_at(figure, 50.0, 50.0, 2.5), configs.picture)
    assert (framed == 77).all()
    (record,) = caplog.records
    assert "beyond the picture" in record.getMessage()


def test_little_padding_is_not_warned_of(configs, figure, astronaut, caplog):
    frame(astronaut, person_at(figure, 250.0, 130.0, 2.0), configs.picture)
    assert not caplog.records
