import dataclasses
import re

import numpy as np
import pytest
import torch

from cyberhost_cli.training.dataset import open_dataset
from cyberhost_cli.training.diffusion import diffusion_stage
from tests.training.prepared import loaded, model_of, with_latents

HEARING = re.compile(r"transformer_blocks\.0\.(attn2|norm2)\.")
ROWS = range(4)


@pytest.fixture(scope="module")
def dataset(dataset_folder):
    return open_dataset(dataset_folder, loaded("clips").preset)


@pytest.fixture(scope="module")
def make_stage(dataset):
    def make(kind, *more):
        preset = loaded(kind, *more)
        model = model_of(preset)
        return diffusion_stage(model, with_latents(dataset, model), preset.preset)

    return make


def losses(stage, batch):
    return {name: each.item() for name, each in stage.module(batch).items()}


def test_each_stage_trains_its_parts(make_stage):
    pairs, clips = set(make_stage("pairs").parameters), set(make_stage("clips").parameters)
    hearing = set(make_stage("pairs", "training.audio=true").parameters)
    assert not any(name.startswith("autoencoder.") for name in clips)
    assert clips - hearing == {name for name in clips if "motion_modules" in name}
    assert hearing - pairs == {n for n in clips if n.startswith("audio_projector.") or HEARING.search(n)}
    assert any(name.startswith("reference_net.") for name in pairs)


@pytest.mark.parametrize("kind", ["pairs", "clips"])
def test_the_loss_falls_on_one_batch(make_stage, kind):
    stage = make_stage(kind, "training.drop_reference=0")
    batch = stage.batches(0, ROWS)
    optimiser = torch.optim.AdamW(stage.parameters.values(), lr=3e-3)
    found = []
    for _ in range(12):
        # The same noise and timesteps each time: what is left is learning.
        parts = stage.module(batch)
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
        found.append(parts["loss"].item())
    assert found[-1] < 0.9 * found[0]


@pytest.mark.parametrize("kind", ["pairs", "clips"])
def test_losses_are_means_over_the_rows(make_stage, kind):
    stage = make_stage(kind, "training.motion_noise=0.5", "training.loss.heatmap_below=1000")
    whole = losses(stage, stage.batches(3, ROWS))
    parts = [losses(stage, stage.batches(3, rows)) for rows in (range(1), range(1, 4))]
    assert whole["heatmap"] > 0
    for name, value in whole.items():
        assert (parts[0][name] + 3 * parts[1][name]) / 4 == pytest.approx(value, rel=1e-4), name


@pytest.mark.parametrize("weighting", ["prediction", "velocity", "min_snr"])
@pytest.mark.parametrize("prediction", ["sample", "v_prediction", "epsilon"])
def test_every_parametrisation_has_its_target(make_stage, prediction, weighting):
    told = f"model.diffusion.zero_terminal_snr={prediction != 'epsilon'}".lower()
    settings = (f"model.diffusion.prediction={prediction}", f"training.loss.weighting={weighting}", told)
    stage = make_stage("clips", *settings, "training.terminal=0.5")
    found = losses(stage, stage.batches(0, ROWS))
    assert set(found) == {"loss", "diffusion", "mask", "heatmap", "mouth"}
    assert all(np.isfinite(value) for value in found.values())


def test_weights_of_timesteps_count(make_stage):
    one, ten = (
        make_stage("clips", "training.loss.weighting=velocity", f"training.loss.snr_limit={limit}")
        for limit in (1, 1000)
    )
    batch = one.batches(0, ROWS)
    clean = dataclasses.replace(batch, timesteps=torch.full((4,), 200))
    terminal = dataclasses.replace(batch, timesteps=torch.full((4,), 999))
    assert losses(one, clean)["mouth"] == losses(ten, clean)["mouth"]
    assert losses(ten, clean)["diffusion"] > 2 * losses(one, clean)["diffusion"]
    assert losses(ten, terminal)["diffusion"] == pytest.approx(losses(one, terminal)["diffusion"])


def test_dropped_audio_is_not_heard(make_stage):
    stage = make_stage("clips", "training.drop_audio=1", "training.drop_reference=0")
    batch = stage.batches(0, ROWS)
    assert batch.drop_audio
    other = dataclasses.replace(batch, speech=torch.randn_like(batch.speech))
    assert losses(stage, batch) == losses(stage, other)
    heard = [dataclasses.replace(each, drop_audio=False) for each in (batch, other)]
    assert losses(stage, heard[0]) != losses(stage, heard[1])


def test_a_dropped_reference_is_not_seen(make_stage):
    stage = make_stage("clips", "training.drop_reference=1")
    batch = stage.batches(0, ROWS)
    assert batch.drop_reference
    other = dataclasses.replace(batch, reference=torch.zeros_like(batch.reference))
    assert losses(stage, batch) == losses(stage, other)
    seen = [dataclasses.replace(each, drop_reference=False) for each in (batch, other)]
    assert losses(stage, seen[0]) != losses(stage, seen[1])


def test_motion_frames_are_disturbed(make_stage):
    stage = make_stage("clips", "training.drop_motion=0")
    for module in stage.module.modules():
        if hasattr(module, "proj_out") and isinstance(module.proj_out, torch.nn.Linear):
            torch.nn.init.constant_(module.proj_out.weight, 0.1)
    batch = stage.batches(0, ROWS)
    assert not batch.disturbance.any()
    disturbed = dataclasses.replace(batch, disturbance=torch.tensor([0.0, 0, 1, 0]))
    assert losses(stage, batch) == losses(stage, dataclasses.replace(batch))
    assert losses(stage, batch)["mask"] != losses(stage, disturbed)["mask"]


def test_terminal_rows_start_from_pure_noise(make_stage):
    stage = make_stage("clips", "training.terminal=1")
    batch = stage.batches(0, ROWS)
    shown = dataclasses.replace(batch, latents=batch.latents + 5)
    # What the denoiser sees does not depend on the target, so the masks that it predicts do not either.
    assert losses(stage, batch)["mask"] == pytest.approx(losses(stage, shown)["mask"], abs=1e-6)
    assert losses(stage, batch)["diffusion"] < losses(stage, shown)["diffusion"] - 1


def test_heatmaps_count_in_chosen_rows_below_the_limit(make_stage):
    stage = make_stage("clips", "training.loss.heatmap_below=500")
    chosen = dataclasses.replace(stage.batches(0, ROWS), heatmaps=torch.ones(4, dtype=torch.bool))
    early, late = (dataclasses.replace(chosen, timesteps=torch.full((4,), each)) for each in (499, 500))
    assert losses(stage, early)["heatmap"] > 0
    assert losses(stage, late)["heatmap"] == 0
    others = dataclasses.replace(early, heatmaps=torch.zeros(4, dtype=torch.bool))
    assert losses(stage, others)["heatmap"] == 0


def test_what_is_not_kept_is_computed_again_alike(make_stage):
    found = []
    for told in ("false", "true"):
        stage = make_stage("clips", f"training.checkpointing={told}", "training.loss.heatmap_below=1000")
        with torch.autograd.graph.saved_tensors_hooks(sizes := Sizes(), lambda kept: kept):
            parts = stage.module(stage.batches(0, ROWS))
        parts["loss"].backward()
        gradients = {name: each.grad for name, each in stage.parameters.items() if each.grad is not None}
        found.append((parts["loss"].item(), gradients, sizes.total))
    (plain, expected, kept), (again, gradients, kept_less) = found
    assert again == plain
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], msg=name)
    assert kept_less < kept / 3


class Sizes:
    """Counts what is kept for the way back."""

    def __init__(self):
        self.total = 0

    def __call__(self, kept):
        self.total += kept.numel()
        return kept


PROMPTED = (
    "model.prompt.enabled=true",
    "model.prompt.features=5",
    "model.prompt.width=8",
    "model.audio.enabled=false",
    "detection.embedder=arcface",
)
"""A tiny AnimateAnyone: tokens of the person in the cross-attention, no sound."""


@pytest.fixture
def prompted(dataset):
    """Return what makes a stage of a model that reads an identity, with a batch that knows one."""

    def make(kind):
        preset = loaded(kind, *PROMPTED)
        model = model_of(preset)
        stage = diffusion_stage(model, with_latents(dataset, model), preset.preset)
        batch = dataclasses.replace(stage.batches(0, ROWS), identity=torch.arange(5.0).repeat(4, 1))
        return stage, batch

    return make


def test_tokens_of_the_person_are_learned_by_both_nets_and_seen_by_motion_frames(prompted):
    stage, batch = prompted("clips")
    stage.module(batch)["loss"].backward()
    learned = {name for name, each in stage.parameters.items() if each.grad is not None and each.grad.any()}
    for net in ("reference_net", "denoiser"):
        assert any(name.startswith(net) and ".attn2.to_k." in name for name in learned)
    assert "prompt_projector.proj.weight" in learned


def test_pairs_without_sound_train_the_attention_to_tokens(prompted):
    stage, _ = prompted("pairs")
    names = {name for name, _ in stage.module.model.named_parameters() if HEARING.search(name)}
    assert names <= set(stage.parameters)


def test_a_model_of_hands_alone_is_told_of_hands_alone(make_stage):
    hands = ("model.priors.maps=[hands]", "training.hand_poses=1")
    pose = make_stage("clips", *hands).batches(0, ROWS).pose
    # No white rectangle of the body beneath them.
    assert 0 < pose.float().mean() / 255 < 0.1
    assert not make_stage("clips", "model.priors.maps=[hands]").batches(0, ROWS).pose.any()


def test_a_typical_hand_is_measured_once(make_stage, dataset):
    stage = make_stage("clips")
    half = stage.module.model.hand_clarity_half
    seen = np.concatenate([clip.deviation[clip.deviation > 0] for clip in dataset.clips])
    assert half.item() == pytest.approx(float(np.median(seen)))
