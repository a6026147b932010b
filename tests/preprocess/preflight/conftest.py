from pathlib import Path

import numpy as np
import pytest
import soundfile

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.preprocess.framing import frame
from cyberhost_cli.preprocess.preflight import face, picture, sound
from cyberhost_cli.preprocess.regions import known_face
from cyberhost_cli.types import Box, Person, Recording

RATE = 16000


@pytest.fixture(scope="session")
def base():
    return load_preset("base").preset


@pytest.fixture(scope="session")
def limits(base):
    return base.preflight


@pytest.fixture(scope="session")
def frontal(detector, astronaut):
    """Return the keypoints that the offline detector finds in the photograph."""
    (person,) = detector.detect(astronaut)
    return person.keypoints


@pytest.fixture(scope="session")
def look(base):
    """Measure somebody in a picture, framed as `base` does; figures by name."""

    def measure(pixels, keypoints, preset=base):
        person = Person(keypoints, Box(0.0, 0.0, 1.0, 1.0))
        _, _, placement = frame(pixels, person, preset.picture)
        found = picture.measure(pixels, person, placement, preset.preflight, preset.picture)
        return {figure.name: figure for figure in found}

    return measure


@pytest.fixture(scope="session")
def sharp(astronaut, frontal):
    """Return the sharpness of the face in a changed photograph."""

    def measure(pixels=astronaut, keypoints=frontal):
        return face.sharpness(face.grey(pixels, known_face(keypoints)))

    return measure


@pytest.fixture(scope="session")
def hear(limits):
    """Measure a mono sound at 16 kHz; figures by name. Unless told otherwise somebody speaks wherever it is loud."""

    def measure(samples, activity=None, fps=25):
        samples = np.asarray(samples, dtype=np.float32)
        if activity is None:
            blocks = samples[: len(samples) // 640 * 640].reshape(-1, 640)
            power = (blocks**2).mean(axis=1)
            activity = (power > 0.01 * np.percentile(power, 95)).astype(np.float32)
        found = sound.measure(samples, Recording(samples[:, None], RATE), activity, fps, limits)
        return {figure.name: figure for figure in found}

    return measure


@pytest.fixture(scope="session")
def voice():
    """Return two sentences, 7 s, of somebody who reads aloud, with a pause after each."""
    samples, rate = soundfile.read(Path(__file__).parents[2] / "assets" / "librivox.flac", dtype="float32")
    assert rate == RATE
    # What the pause of the recording sounds like.
    pause = np.random.default_rng(0).normal(size=RATE // 4).astype(np.float32) * 1e-3
    return np.concatenate([samples, pause, samples, pause])
