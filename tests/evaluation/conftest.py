import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cyberhost_cli.evaluation import readers
from cyberhost_cli.evaluation.actors import open_actors
from cyberhost_cli.media.sound import read_recording, resample_mono
from cyberhost_cli.media.truth import write_truth
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.types import ClipTruth

ASSETS = Path(__file__).parent.parent / "assets"


@pytest.fixture(scope="session")
def preset(tiny):
    """The preset of a tiny model, at the size of the clip."""
    picture = tiny.preset.picture.model_copy(update={"width": 128, "height": 128, "face_size": 32, "hand_size": 32})
    return tiny.preset.model_copy(update={"picture": picture})


@pytest.fixture(scope="session")
def frames():
    """One second of a rendered actor whose hands are raised."""
    return np.concatenate(list(read_frames(ASSETS / "actor.mp4", 64)))


@pytest.fixture(scope="session")
def truth():
    arrays = {name: each.astype(np.float32) for name, each in np.load(ASSETS / "actor.npz").items()}
    return ClipTruth(**arrays, fps=25, actor=1, phones=(), text="")


@pytest.fixture(scope="session")
def reading(frames):
    return readers.load().read(frames)


@pytest.fixture(scope="session")
def folder(tmp_path_factory, preset, truth):
    """Two clips as `synth` leaves them: the rendered actor, and one who says something else."""
    folder = tmp_path_factory.mktemp("actors")
    samples = resample_mono(read_recording(ASSETS / "actor.mp4", preset.speech), preset.speech.sample_rate)
    for name, mouth in (("first", truth.mouth), ("second", truth.mouth[::-1].copy())):
        shutil.copy(ASSETS / "actor.mp4", folder / f"{name}.mp4")
        soundfile.write(folder / f"{name}.wav", samples[: preset.speech.sample_rate], preset.speech.sample_rate)
        write_truth(folder / f"{name}.safetensors", ClipTruth(**{**vars(truth), "mouth": mouth}))
    return folder


@pytest.fixture(scope="session")
def actors(folder, preset):
    return open_actors(folder, preset)
