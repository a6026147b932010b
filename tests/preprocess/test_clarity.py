import numpy as np
import pytest
from PIL import Image, ImageFilter

from cyberhost_cli.preprocess import clarity


@pytest.fixture(params=[128, 32])
def crop(request, astronaut):
    return np.asarray(Image.fromarray(astronaut[300:500, 100:300]).resize((request.param, request.param)))


def blurred(crop, radius):
    return np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(radius)))


def grey(levels):
    return np.rint(levels).astype(np.uint8)[:, :, None].repeat(3, axis=2)


def test_deviation_falls_with_blur(crop):
    found = [clarity.deviation(blurred(crop, radius)) for radius in (0, 0.5, 1, 2, 4)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 3 * found[-1]


@pytest.mark.parametrize("level", [0, 90, 255])
def test_flat_crop_has_no_deviation(level):
    assert clarity.deviation(np.full((32, 32, 3), level, dtype=np.uint8)) == pytest.approx(0, abs=1e-3)


def test_checkers_have_their_closed_form():
    rows, columns = np.indices((128, 128))
    # Every pixel differs from its four neighbours by 10, up or down in turn.
    assert clarity.deviation(grey(100 + 10 * ((rows + columns) % 2))) == pytest.approx(40, rel=1e-3)


def test_step_has_its_closed_form():
    # Two of the 126 inner columns have a Laplacian of +30 and -30, all others of 0.
    step = np.where(np.arange(128) < 64, 80, 110)[None].repeat(128, axis=0)
    assert clarity.deviation(grey(step)) == pytest.approx(30 * np.sqrt(2 / 126), rel=1e-3)


def test_colour_counts_as_it_is_seen():
    rows, columns = np.indices((128, 128))
    checkers = np.zeros((128, 128, 3), dtype=np.uint8)
    found = []
    for channel in range(3):
        checkers[:] = 0
        checkers[:, :, channel] = 200 * ((rows + columns) % 2)
        found.append(clarity.deviation(checkers))
    assert found == pytest.approx([800 * share for share in (0.299, 0.587, 0.114)], rel=0.01)


def test_size_of_the_crop_does_not_matter_while_it_shows_the_same():
    def waves(size):
        places = (np.arange(size) + 0.5) / size * 2 * np.pi
        return grey(128 + 60 * np.sin(12 * places)[:, None] * np.sin(9 * places)[None])

    found = [clarity.deviation(waves(size)) for size in (96, 128, 200, 256, 512)]
    assert found == pytest.approx([found[1]] * 5, rel=0.1)


def test_score_is_one_half_where_the_deviation_is_the_typical_one():
    assert clarity.score(0.0, 7.0) == 0
    assert clarity.score(7.0, 7.0) == 0.5
    scores = [clarity.score(each, 7.0) for each in (0.0, 1.0, 7.0, 40.0, 1000.0)]
    assert scores == sorted(scores)
    assert scores[-1] < 1
