import numpy as np
import pytest

from cyberhost_cli.preprocess.letterbox import letterbox


@pytest.mark.parametrize("size", [(1080, 1920), (1000, 37), (37, 1000), (96, 96), (480, 640)])
def test_places_come_back_by_the_scales(size):
    picture = np.zeros((*size, 3), dtype=np.uint8)
    rows, columns = slice(size[0] // 3, size[0] // 3 + 24), slice(size[1] // 3, size[1] // 3 + 24)
    picture[rows, columns] = 255
    frame, scales = letterbox(picture, 480, 640, 0)
    weight = frame[:, :, 0].astype(float)
    y, x = np.indices(weight.shape) + 0.5
    found = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum() / scales
    assert found == pytest.approx((columns.start + 12, rows.start + 12), abs=0.1)


def test_the_picture_fills_one_side_and_grey_the_rest():
    frame, scales = letterbox(np.full((100, 400, 3), 9, dtype=np.uint8), 640, 640, 114)
    assert (frame[:160] == 9).all()
    assert (frame[160:] == 114).all()
    assert scales.tolist() == [1.6, 1.6]


def test_a_line_of_pixels_is_still_seen():
    frame, _ = letterbox(np.full((8, 100_000, 3), 9, dtype=np.uint8), 640, 640, 114)
    assert (frame[0] == 9).all()
    assert (frame[1:] == 114).all()


def test_shrinking_is_antialiased():
    noise = np.random.default_rng(0).integers(0, 2, (1280 * 4, 1280 * 4, 1), dtype=np.uint8).repeat(3, axis=2) * 255
    frame, _ = letterbox(noise, 640, 640, 0)
    # The mean of 8 x 8 independent pixels, or a little more of them.
    assert frame.std() < 255 / 2 / 8
