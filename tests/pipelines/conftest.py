from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.weights.checkpoint import Lineage, save_checkpoint
from tests.conftest import TINY

LIBRIVOX = Path(__file__).parents[1] / "assets" / "librivox.flac"


@pytest.fixture(scope="session")
def weights(tmp_path_factory, tiny_model):
    """Write the tiny model as a checkpoint that may generate."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_checkpoint(
        path, tiny_model, Lineage("clips", 1, "nothing: random weights for tests", (), trained=True, licence="none")
    )
    return path


@pytest.fixture(scope="session")
def preset(weights):
    """Return the tiny preset with weights."""
    return load_preset("demo", [*TINY, f"checkpoint={weights}"])


@pytest.fixture(scope="session")
def astronaut(tmp_path_factory):
    """Write a real photograph."""
    path = tmp_path_factory.mktemp("pictures") / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(path)
    return path


@pytest.fixture(scope="session")
def speech():
    """Return a real recording."""
    return LIBRIVOX


@pytest.fixture(scope="module")
def carrying():
    """Return a tiny preset whose model is shown the picture with its hands carried along."""
    maps = "model.priors.maps=[movement,hands]"
    return load_preset("demo", [*TINY, maps, "gestures.unasked=true", "gestures.place=picture"]).preset


@pytest.fixture(scope="module")
def carrying_model(carrying):
    import torch

    from cyberhost_cli.pipelines.bench.inputs import random_model

    return random_model(carrying.model, torch.device("cpu"), torch.float32).eval()


@pytest.fixture(scope="module")
def carried_clip(carrying):
    from cyberhost_cli.pipelines.bench.inputs import random_clip

    return random_clip(carrying, 12, 0)
