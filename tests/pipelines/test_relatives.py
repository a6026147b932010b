"""The public relatives at a tiny size, with random weights, through the same `generate` as any model."""

import numpy as np
import pytest
import soundfile
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CheckpointError, UsageError
from cyberhost_cli.media.track import write_track
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.drive import Drivers
from cyberhost_cli.pipelines.generate import Request, generate_file
from cyberhost_cli.pipelines.prepare import prepare_reference
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.types import VideoPoses
from cyberhost_cli.weights import catalogue
from cyberhost_cli.weights.checkpoint import save_checkpoint
from cyberhost_cli.weights.header import Lineage
from tests.preprocess import encoders, nets
from tests.weights import local

FRAMES = 14

SMALL = (
    "model.backbone.widths=[8,16]",
    "model.backbone.attention=[true,false]",
    "model.backbone.layers_per_block=1",
    "model.backbone.norm_groups=4",
    "model.backbone.heads=2",
    "model.motion.heads=2",
    "model.regions.levels=[false,false]",
    "model.autoencoder.widths=[8,8,8,8]",
    "model.autoencoder.norm_groups=4",
    "model.autoencoder.layers_per_block=1",
    "model.priors.pose_channels=[4,4,8,8]",
    "sampling.steps=2",
    "training.crop=32",
)
WHISPER = (
    "speech.features=32",
    "model.audio.features=32",
    "model.audio.width=32",
    "model.motion.levels=[true,true]",
    "picture.width=64",
    "picture.height=64",
)
PRESETS = {
    "echomimic-v2": WHISPER,
    "echomimic-v2-fast": WHISPER,
    "hallo": (
        "speech.features=32",
        "model.audio.features=32",
        "model.audio.width=16",
        "model.audio.tokens=3",
        "model.audio.hidden=16",
        "model.prompt.features=37632",
        "model.prompt.width=12",
        "model.motion.levels=[true,false]",
        "detection.faces=keypoints",
        "picture.width=64",
        "picture.height=64",
    ),
    "animate-anyone": (
        "model.prompt.features=24",
        "model.prompt.width=24",
        "model.motion.levels=[true,true]",
        "picture.width=48",
        "picture.height=64",
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a folder of small encoders with the names of the real ones."""
    folder = tmp_path_factory.mktemp("models")
    encoders.wav2vec2(folder / "wav2vec2-base-960h", layers=12)
    encoders.whisper(folder / "whisper-tiny", layers=4, seconds=30)
    encoders.clip(folder / "clip-image-encoder")
    (folder / "antelopev2").mkdir()
    nets.arcface(folder / "antelopev2" / "glintr100.onnx")
    return folder


@pytest.fixture
def small(store, monkeypatch, tmp_path):
    """Return a preset at a tiny size, all that it needs on this machine."""
    monkeypatch.setattr(catalogue, "ENTRIES", local.entries(store))

    def load(name, trained=True):
        path = tmp_path / f"{name}.safetensors"
        settings = [*SMALL, *PRESETS[name], f"store.models={store}", f"checkpoint={path}"]
        torch.manual_seed(1)
        model = CyberHost(load_preset(name, settings).preset.model)
        # No part is silent: what starts at zero has random values.
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.5)
        save_checkpoint(path, model, Lineage("imported", 0, "nothing", (), trained, "none"))
        return load_preset(name, settings)

    return load


@pytest.fixture
def spoken(speech, tmp_path):
    """Write so much of a real recording as takes a few frames."""
    samples, rate = soundfile.read(speech)
    soundfile.write(tmp_path / "s.wav", samples[rate : rate + rate * FRAMES // 25], rate)
    return tmp_path / "s.wav"


@pytest.mark.parametrize("name", ["echomimic-v2", "echomimic-v2-fast", "hallo"])
def test_a_picture_and_a_recording_are_enough(name, small, astronaut, spoken, tmp_path):
    loaded = small(name)
    generate_file(Request(astronaut, spoken, tmp_path / "out.mp4", seed=2), loaded, silent)
    frames = np.concatenate(list(read_frames(tmp_path / "out.mp4", 64)))
    assert frames.shape == (round(FRAMES * loaded.preset.fps / 25), 64, 64, 3)
    assert len(np.unique(frames)) > 10


def test_a_model_that_follows_bodies_alone_needs_a_video(small, astronaut, spoken, tmp_path):
    with pytest.raises(UsageError, match="pose"):
        generate_file(Request(astronaut, spoken, tmp_path / "out.mp4"), small("animate-anyone"), silent)


def test_poses_move_it(small, astronaut, spoken, tmp_path):
    loaded = small("animate-anyone")
    standing = np.repeat(prepare_reference(astronaut, loaded).keypoints[None], FRAMES, axis=0)
    walking = standing.copy()
    walking[:, :, 0] += np.arange(FRAMES, dtype=np.float32)[:, None]
    films = []
    for name, track in (("standing", standing), ("again", standing), ("walking", walking)):
        poses, out = tmp_path / f"{name}.safetensors", tmp_path / f"{name}.mp4"
        write_track(poses, VideoPoses(track, 25.0, 48, 64), astronaut)
        generate_file(Request(astronaut, spoken, out, seed=2, drivers=Drivers(pose_video=poses)), loaded, silent)
        films.append(np.concatenate(list(read_frames(out, 64))).astype(float))
    still, again, moved = films
    assert still.shape == (round(FRAMES * loaded.preset.fps / 25), 64, 48, 3)
    np.testing.assert_array_equal(again, still)
    assert (np.abs(moved - still).max(axis=(1, 2, 3))[1:] > 4).all()


def test_a_start_for_training_cannot_generate(small, astronaut, spoken, tmp_path):
    with pytest.raises(CheckpointError, match="never trained"):
        generate_file(Request(astronaut, spoken, tmp_path / "out.mp4"), small("hallo", trained=False), silent)
    assert not (tmp_path / "out.mp4").exists()
