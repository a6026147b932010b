import dataclasses
import re

import numpy as np
import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import UsageError
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.training.dataset import cache_folder, open_clips
from cyberhost_cli.training.diffusion import DiffusionStage
from cyberhost_cli.training.latents import open_latents
from cyberhost_cli.training.loop import train
from cyberhost_cli.weights.checkpoint import load_model, read_header
from tests.conftest import TINY

SETTINGS = (
    *TINY,
    "picture.width=64",
    "picture.height=64",
    "training.frames=4",
    "training.batch=2",
    "training.crop=32",
    "training.warmup=2",
    "training.save_every=100",
    "training.learning_rate=0.003",
)


HEARING = re.compile(r"transformer_blocks\.0\.(attn2|norm2)\.")


def loaded(stage, *more):
    return load_preset("demo", [*SETTINGS, f"training.stage={stage}", "checkpoint=null", *more])


def silent(*_):
    pass


@pytest.fixture(scope="module")
def make_stage(clips_folder):
    def make(kind, *more):
        preset = loaded(kind, *more).preset
        torch.manual_seed(0)
        model = CyberHost(preset.model)
        clips, cache = open_clips(clips_folder, preset), cache_folder(clips_folder, preset)
        return DiffusionStage(model, clips, open_latents(clips, model.autoencoder, cache), preset.training)

    return make


def test_each_stage_trains_its_parts(make_stage):
    pairs, clips = set(make_stage("pairs", "training.frames=1").parameters()), set(make_stage("clips").parameters())
    hearing = set(make_stage("pairs", "training.frames=1", "training.audio=true").parameters())
    assert not any(name.startswith("autoencoder.") for name in clips)
    assert clips - hearing == {name for name in clips if "motion_modules" in name}
    assert hearing - pairs == {n for n in clips if n.startswith("audio_projector.") or HEARING.search(n)}
    assert any(name.startswith("reference_net.") for name in pairs)


@pytest.mark.parametrize("kind", ["pairs", "clips"])
def test_the_loss_falls_on_one_batch(make_stage, kind):
    stage = make_stage(kind, f"training.frames={1 if kind == 'pairs' else 4}", "training.drop_reference=0")
    batch = stage.batch(torch.Generator().manual_seed(1))
    optimiser = torch.optim.AdamW(stage.parameters().values(), lr=3e-3)
    losses = []
    for _ in range(25):
        # The same noise and timesteps each time: what is left is learning.
        loss, parts = stage.loss(batch, torch.Generator().manual_seed(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(parts["loss"])
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("prediction", ["sample", "v_prediction", "epsilon"])
def test_every_parametrisation_has_its_target(make_stage, prediction):
    told = f"model.diffusion.zero_terminal_snr={prediction != 'epsilon'}".lower()
    stage = make_stage("clips", f"model.diffusion.prediction={prediction}", told)
    loss, parts = stage.loss(stage.batch(torch.Generator().manual_seed(1)), torch.Generator().manual_seed(2))
    assert loss.isfinite()
    assert set(parts) == {"loss", "diffusion", "mask", "heatmap", "mouth"}


def test_dropped_audio_is_not_heard(make_stage):
    stage = make_stage("clips", "training.drop_audio=1", "training.drop_reference=0")
    batch = stage.batch(torch.Generator().manual_seed(1))
    other = dataclasses.replace(batch, speech=torch.randn_like(batch.speech))
    one, two = (stage.loss(each, torch.Generator().manual_seed(2))[1]["loss"] for each in (batch, other))
    assert one == two


def test_motion_frames_are_disturbed(make_stage):
    parts = []
    for noise in (0, 0, 1):
        stage = make_stage("clips", f"training.motion_noise={noise}", "training.drop_motion=0")
        for module in stage.model.denoiser.modules():
            if hasattr(module, "proj_out") and isinstance(module.proj_out, torch.nn.Linear):
                torch.nn.init.constant_(module.proj_out.weight, 0.1)
        batch = stage.batch(torch.Generator().manual_seed(1))
        parts.append(stage.loss(batch, torch.Generator().manual_seed(2))[1]["mask"])
    assert parts[0] == parts[1]
    assert parts[0] != parts[2]


def test_terminal_rows_start_from_pure_noise(make_stage):
    stage = make_stage("clips", "training.terminal=1")
    batch = stage.batch(torch.Generator().manual_seed(1))
    shown = dataclasses.replace(batch, latents=batch.latents + 5)
    # What the denoiser sees does not depend on the target, so the masks that it predicts do not either.
    one, two = (stage.loss(each, torch.Generator().manual_seed(2))[1]["mask"] for each in (batch, shown))
    assert one == pytest.approx(two, abs=1e-4)


def test_three_stages_make_a_model_that_may_generate(tmp_path, clips_folder):
    start = None
    for kind, frames in (("autoencoder", 4), ("pairs", 1), ("clips", 4)):
        preset = loaded(kind, f"training.frames={frames}", "training.steps=3")
        start = train(preset, clips_folder, tmp_path / kind, start, silent)
        assert read_header(start).lineage.trained == (kind == "clips")
    lineage = read_header(start).lineage
    assert [made.split(":")[:2] for made in lineage.made_from] == [["autoencoder", "3"], ["pairs", "3"]]
    assert lineage.steps == 3
    load_model(start, preset.preset.model)


def test_diffusion_needs_an_autoencoder(tmp_path, clips_folder):
    with pytest.raises(UsageError, match="starts from a trained autoencoder"):
        train(loaded("pairs", "training.frames=1"), clips_folder, tmp_path, None, silent)


PROMPTED = (
    "model.prompt.enabled=true",
    "model.prompt.features=5",
    "model.prompt.width=8",
    "model.audio.enabled=false",
    "detection.embedder=arcface",
)
"""A tiny AnimateAnyone: tokens of the person in the cross-attention, no sound."""


@pytest.fixture
def prompted(clips_folder):
    """Return a stage whose clips know an identity, as those have that an embedder saw."""
    preset, plain = loaded("clips", *PROMPTED).preset, loaded("clips").preset
    torch.manual_seed(0)
    model, cache = CyberHost(preset.model), cache_folder(clips_folder, plain)
    clips = open_clips(clips_folder, plain)
    known = [dataclasses.replace(clip, identity=np.arange(5, dtype=np.float32)) for clip in clips]
    return DiffusionStage(model, known, open_latents(clips, model.autoencoder, cache), preset.training)


def test_tokens_of_the_person_are_learned_by_both_nets_and_seen_by_motion_frames(prompted):
    loss, _ = prompted.loss(prompted.batch(torch.Generator().manual_seed(1)), torch.Generator().manual_seed(3))
    loss.backward()
    learned = {name for name, each in prompted.parameters().items() if each.grad is not None and each.grad.any()}
    for net in ("reference_net", "denoiser"):
        assert any(name.startswith(net) and ".attn2.to_k." in name for name in learned)
    assert "prompt_projector.proj.weight" in learned


def test_pairs_without_sound_train_the_attention_to_tokens(prompted):
    pairs = prompted.training.model_copy(update={"stage": "pairs", "frames": 1})
    stage = DiffusionStage(prompted.model, prompted.clips, prompted.latents, pairs)
    assert {name for name in stage.model.state_dict() if HEARING.search(name)} <= set(stage.parameters())


def test_a_model_of_hands_alone_is_told_of_hands_alone(make_stage):
    hands = ("model.priors.maps=[hands]", "training.hand_poses=1")
    batch = make_stage("clips", *hands).batch(torch.Generator().manual_seed(1))
    # No white rectangle of the body beneath them.
    assert 0 < batch.pose.mean() < 0.1
    still = make_stage("clips", "model.priors.maps=[hands]").batch(torch.Generator().manual_seed(1))
    assert not still.pose.any()


def test_models_that_read_masks_of_the_face_are_not_trained(clips_folder, tmp_path):
    with pytest.raises(UsageError, match="masks of the face"):
        train(loaded("clips", "model.audio.place=modules"), clips_folder, tmp_path / "run", None, silent)
