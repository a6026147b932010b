from pathlib import Path

import numpy as np
import pytest
import skimage.data

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.preprocess import pose
from cyberhost_cli.types import BODY, FACE, LEFT_HAND, RIGHT_HAND


@pytest.fixture(scope="session")
def configs():
    """Return the preset of the embedded model with room around the face; its sections are what functions here take."""
    frame = ["picture.face_heights=3.6", "picture.max_face_heights=3.6", "picture.face_top=0.3"]
    return load_preset("demo", [*frame, "conditions.movement=0.6"]).preset


@pytest.fixture(scope="session")
def detector(configs):
    # MediaPipe asks for no files.
    return pose.load(configs.detection, Path)


@pytest.fixture(scope="session")
def astronaut():
    return skimage.data.astronaut()


@pytest.fixture
def figure():
    """Keypoints of somebody facing us in a 128x128 picture: their left is on our right, both hands up."""
    points = np.zeros((133, 3), dtype=np.float32)
    middle = np.float32(64)
    points[BODY, :2] = [
        *((64, 40), (68, 36), (60, 36), (74, 38), (54, 38)),  # nose, eyes, ears: left before right
        *((90, 76), (38, 76), (100, 100), (28, 100), (108, 84), (20, 84)),  # shoulders, elbows, wrists
        *((82, 124), (46, 124), (82, 140), (46, 140), (82, 160), (46, 160)),  # hips, knees, ankles
    ]
    points[BODY, 2] = 1
    points[BODY.start + 13 : BODY.stop, 2] = 0  # knees and ankles are not to be seen
    turn = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points[FACE] = np.stack([middle + 12 * np.sin(turn), 40 + 16 * np.cos(turn), np.ones(68)], axis=1)
    for hand, wrist in ((LEFT_HAND, (108, 84)), (RIGHT_HAND, (20, 84))):
        fingers = [(x, y) for x in range(-4, 5, 2) for y in (-4, -8, -12, -16)]
        points[hand, :2] = np.array(wrist) + np.array([(0, 0), *fingers])
        points[hand, 2] = 1
    return points
