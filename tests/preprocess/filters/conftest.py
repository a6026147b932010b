import numpy as np
import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.types import FACE


@pytest.fixture(scope="session")
def limits(configs):
    return configs.filters


@pytest.fixture(scope="session")
def limited():
    """Return a function that changes limits."""
    return lambda *overrides: load_preset("demo", [f"filters.{each}" for each in overrides]).preset.filters


@pytest.fixture
def face(figure):
    """Keypoints whose face has the shape of one: eyes, nose and lips where they belong, 32 pixels high."""
    angle = np.linspace(np.pi / 2, -np.pi / 2, 17)
    around = lambda x, y, a, b, n: np.stack(  # noqa: E731
        [x - a * np.cos(np.linspace(0, 2 * np.pi, n, False)), y - b * np.sin(np.linspace(0, 2 * np.pi, n, False))], 1
    )
    points = np.concatenate(
        [
            np.stack([64 - 14 * np.sin(angle), 36 + 20 * np.cos(angle)], axis=1),  # jaw
            np.stack([np.linspace(53, 75, 10), np.full(10, 24)], axis=1),  # brows
            np.stack([np.full(4, 64), np.linspace(32, 40, 4)], axis=1),  # nose
            np.stack([np.linspace(61, 67, 5), np.full(5, 42)], axis=1),
            around(58, 31, 3, 1, 6),
            around(70, 31, 3, 1, 6),
            around(64, 48, 6, 2, 12),  # lips
            around(64, 48, 4, 1, 8),
        ]
    )
    found = figure.copy()
    found[FACE, :2] = points
    return found


@pytest.fixture
def still(face):
    """Return that face in so many frames."""
    return lambda frames: np.tile(face, (frames, 1, 1))
