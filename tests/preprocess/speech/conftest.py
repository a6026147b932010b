from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000
LIBRIVOX = Path(__file__).parents[2] / "assets" / "librivox.flac"


@pytest.fixture(scope="session")
def spoken():
    """Return a sentence of 3.29 s at 16 kHz."""
    samples, rate = soundfile.read(LIBRIVOX, dtype="float32")
    assert rate == RATE
    return samples


@pytest.fixture(scope="session")
def long(spoken):
    """Return 20 s of speech with pauses, quiet and loud."""
    pause = np.zeros(RATE // 2, np.float32)
    return np.concatenate([spoken, pause, spoken * 0.5, spoken[::-1], pause, spoken * 0.8, spoken, spoken[8000:]])


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Return a folder with a small wav2vec 2.0 and a small Whisper that hears 3 s, of random weights."""
    from tests.preprocess import encoders

    folder = tmp_path_factory.mktemp("models")
    encoders.wav2vec2(folder / "wav2vec2")
    encoders.whisper(folder / "whisper")
    return folder


@pytest.fixture
def find(models):
    return lambda name: models / name


@pytest.fixture(scope="session")
def no_weights():
    """Find nothing: log-mel asks for nothing."""

    def find(name):
        raise AssertionError(f"asked for {name}")

    return find


@pytest.fixture
def configure(configs):
    """Make a speech section for one of the small models."""

    def make(encoder: str, **changes):
        small = {"encoder": encoder, "weights": encoder, "features": 32, "layers": 3, "steps_per_frame": 2}
        return configs.speech.model_copy(update={**small, "piece_seconds": 3.0, "piece_overlap": 1.0, **changes})

    return make
