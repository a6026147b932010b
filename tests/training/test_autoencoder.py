import json

import numpy as np
import pytest
import torch

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import CheckpointError, UsageError
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.training import loop
from cyberhost_cli.training.autoencoder import AutoencoderStage
from cyberhost_cli.training.dataset import open_clips
from cyberhost_cli.training.start import begin
from cyberhost_cli.weights.checkpoint import load_model, read_header


def with_training(preset, **settings):
    return preset.model_copy(update={"training": preset.training.model_copy(update=settings)})


@pytest.fixture(scope="module")
def trained(clips_folder, preset, tmp_path_factory):
    """Run a short training, all of it; return its folder."""
    out = tmp_path_factory.mktemp("run") / "autoencoder"
    loaded = LoadedPreset("small", clips_folder, with_training(preset, steps=60, save_every=30, ema=0.9))
    loop.train(loaded, clips_folder, out, None, lambda *_: None)
    return out


def test_training_reduces_the_loss(trained):
    lines = [json.loads(line)["losses"] for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["pixels"] < lines[0]["pixels"] / 2
    assert lines[-1]["edges"] < lines[0]["edges"]


def test_checkpoint_says_that_it_cannot_generate(trained):
    lineage = read_header(trained / "model.safetensors").lineage
    assert (lineage.stage, lineage.steps, lineage.trained, lineage.made_from) == ("autoencoder", 60, False, ())
    assert lineage.data.startswith("2 clips of")


def test_latents_are_of_unit_size(trained, clips_folder, preset):
    model = load_model(trained / "model.safetensors")
    frames = np.concatenate([clip.frames for clip in open_clips(clips_folder, preset)])
    with torch.no_grad():
        latents = model.autoencoder.encode(torch.from_numpy(frames).permute(0, 3, 1, 2) / 127.5 - 1)
    assert latents.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0] * 8, abs=0.05)
    assert latents.std(dim=(0, 2, 3)).tolist() == pytest.approx([1] * 8, abs=0.05)


def test_a_run_that_ended_can_be_made_longer(trained, clips_folder, preset):
    steps = []
    loaded = LoadedPreset("small", clips_folder, with_training(preset, steps=62, save_every=30, ema=0.9))
    loop.train(loaded, clips_folder, trained, None, lambda step, total, _: steps.append((step, total)))
    assert steps == [(61, 62), (62, 62)]


def test_crops_lie_around_faces_and_hands(clips_folder, preset):
    stage = AutoencoderStage(CyberHost(preset.model), open_clips(clips_folder, preset), preset.training)
    batch = stage.batch(torch.Generator().manual_seed(0))
    assert batch.pixels.shape == (3, 3, 32, 32)
    assert batch.pixels.abs().max() <= 1
    loss = preset.training.loss
    bounds = (1, 1 + loss.face + loss.mouth + loss.hands)
    many = torch.cat([stage.batch(torch.Generator().manual_seed(seed)).weights for seed in range(40)])
    assert many.shape == (120, 1, 32, 32)
    assert bounds[0] <= many.min() < many.max() <= bounds[1]
    seen = (many > 1.5).flatten(1).float().mean(dim=1)
    assert (seen > 0.05).float().mean() > 0.7


def test_only_the_autoencoder_changes(trained, preset):
    torch.manual_seed(preset.training.seed)
    fresh = CyberHost(preset.model).state_dict()
    after = load_model(trained / "model.safetensors").state_dict()
    changed = {name.split(".")[0] for name in fresh if not torch.equal(fresh[name].half().float(), after[name])}
    assert changed == {"autoencoder"}


def test_next_stage_takes_the_autoencoder_and_its_lineage(trained, preset, tmp_path):
    motion = preset.model.motion.model_copy(update={"enabled": False})
    other = with_training(preset, stage="pairs").model_copy(
        update={"model": preset.model.model_copy(update={"motion": motion})}
    )
    model, made_from, _ = begin(other, tmp_path, trained / "model.safetensors")
    source = load_model(trained / "model.safetensors").autoencoder.state_dict()
    assert all(torch.equal(each, source[name]) for name, each in model.autoencoder.state_dict().items())
    assert not model.config.motion.enabled
    header = read_header(trained / "model.safetensors")
    assert made_from == (f"autoencoder:{header.lineage.steps}:{header.sha256}",)


def test_another_autoencoder_does_not_fit(trained, preset, tmp_path):
    wider = preset.model.autoencoder.model_copy(update={"widths": (8, 16, 16)})
    other = preset.model_copy(update={"model": preset.model.model_copy(update={"autoencoder": wider})})
    with pytest.raises(CheckpointError, match=r"autoencoder\.widths"):
        begin(other, tmp_path, trained / "model.safetensors")


def test_later_stage_wants_a_beginning(preset, tmp_path):
    with pytest.raises(UsageError, match="starts from a trained autoencoder"):
        begin(with_training(preset, stage="pairs"), tmp_path, None)
