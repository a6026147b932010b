import numpy as np
import pytest
from PIL import Image, ImageFilter

from cyberhost_cli.preprocess.clarity import HALF, hand_clarity


@pytest.fixture(params=[128, 32])
def crop(request, astronaut):
    return np.asarray(Image.fromarray(astronaut[300:500, 100:300]).resize((request.param, request.param)))


def test_clarity_falls_with_blur(crop):
    picture = Image.fromarray(crop)
    scores = [hand_clarity(np.asarray(picture.filter(ImageFilter.GaussianBlur(r)))) for r in (0, 0.5, 1, 2, 4)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 2 * scores[-1]


def test_sharp_photograph_scores_high(astronaut):
    assert 0.8 <= hand_clarity(astronaut[100:228, 150:278]) <= 0.95


def test_empty_crop_scores_nothing():
    assert hand_clarity(np.full((32, 32, 3), 90, dtype=np.uint8)) == pytest.approx(0, abs=1e-4)


def test_checkers_have_their_closed_form():
    rows, columns = np.indices((128, 128))
    checkers = (((rows + columns) % 2) * 10 + 100).astype(np.uint8)[:, :, None].repeat(3, axis=2)
    # Every pixel differs from its four neighbours by 10, up or down in turn.
    assert hand_clarity(checkers) == pytest.approx(40 / (40 + HALF), rel=1e-3)
