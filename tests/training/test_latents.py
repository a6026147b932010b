import pickle

import numpy as np
import pytest
import torch

from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.pipelines.dataset import sources
from cyberhost_cli.pipelines.dataset.write import make_dataset
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.training.dataset import open_dataset
from cyberhost_cli.training.latents import open_latents


def net(preset, seed):
    torch.manual_seed(seed)
    return Autoencoder(preset.model.autoencoder, preset.model.backbone.latent_channels).eval()


@pytest.fixture
def dataset(dataset_folder, preset):
    return open_dataset(dataset_folder, preset)


def test_latents_are_those_of_the_frames(dataset, preset, tmp_path):
    autoencoder = net(preset, 0)
    encoded = open_latents(dataset, autoencoder, tmp_path)
    for index, clip in enumerate(dataset.clips):
        pixels = torch.from_numpy(clip.film()[3:4]).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            expected = autoencoder.encode(pixels)[0].numpy()
        read = pickle.loads(pickle.dumps(encoded)).latents(index)
        assert read.shape == (14, *expected.shape)
        assert not read.flags.owndata
        np.testing.assert_allclose(read[3], expected, atol=2e-3)


def test_latents_are_made_once_and_those_that_are_lacking_again(dataset, preset, tmp_path):
    told = []
    encoded = open_latents(dataset, net(preset, 0), tmp_path, lambda *each: told.append(each))
    assert told == [(14, 28), (28, 28)]
    files = sorted(encoded.encoded.iterdir())
    assert [path.name for path in files] == ["shard-000000.safetensors", "shard-000001.safetensors"]
    first, second = (path.read_bytes() for path in files)
    made = files[0].stat().st_mtime_ns
    files[1].unlink()
    again = open_latents(dataset, net(preset, 0), tmp_path, lambda *each: told.append(each))
    assert told[2:] == [(14, 14)]
    assert again == encoded
    assert files[0].stat().st_mtime_ns == made
    assert [path.read_bytes() for path in files] == [first, second]


def test_films_are_encoded_some_frames_at_a_time(clips_folder, loaded, preset, tmp_path, monkeypatch):
    """Frames of two clips in one shard, with a rest, come to their own clips."""
    out = tmp_path / "dataset"
    make_dataset(sources.find(clips_folder), out, loaded, workers=1, shard_bytes=10**9, progress=silent)
    dataset, told = open_dataset(out, preset), []
    whole = open_latents(dataset, net(preset, 0), tmp_path / "whole")
    monkeypatch.setattr("cyberhost_cli.training.latents._PIXELS", {"cpu": 64 * 64 * 5})
    parts = open_latents(dataset, net(preset, 0), tmp_path / "parts", lambda *each: told.append(each))
    assert told == [(done, 28) for done in (5, 10, 15, 20, 25, 28)]
    for index in range(2):
        np.testing.assert_allclose(parts.latents(index), whole.latents(index), atol=2e-3)


def test_other_weights_have_other_latents(dataset, preset, tmp_path):
    one, other = (open_latents(dataset, net(preset, seed), tmp_path) for seed in (0, 1))
    difference = one.latents(0).astype(np.float32) - other.latents(0).astype(np.float32)
    assert np.abs(difference).max() > 0.1
