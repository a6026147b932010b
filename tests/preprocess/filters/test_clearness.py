import numpy as np
import pytest
from PIL import Image, ImageFilter

from cyberhost_cli.preprocess.filters import clearness
from cyberhost_cli.types import FACE


@pytest.fixture(scope="module")
def track(detector, astronaut):
    (person,) = detector.detect(astronaut)
    return np.tile(person.keypoints, (8, 1, 1))


def reason(frames, track, limits):
    fault = clearness.check(np.stack(frames), track, limits)
    return None if fault is None else fault.reason


def test_a_real_face_is_clear(astronaut, track, limits):
    assert reason([astronaut] * 8, track, limits) is None
    track = track.copy()
    track[1:, FACE, 2] = 0
    assert reason([astronaut] * 8, track, limits) is None


def test_dark_and_blurred_ones_are_not(astronaut, track, limits):
    dark = (astronaut * 0.1).astype(np.uint8)
    blurred = np.array(Image.fromarray(astronaut).filter(ImageFilter.GaussianBlur(8)))
    assert reason([dark] * 8, track, limits) == "dark"
    assert reason([blurred] * 8, track, limits) == "blurred"
    assert reason([blurred] * 3 + [astronaut] * 5, track, limits) is None
