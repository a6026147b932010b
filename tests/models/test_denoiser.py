import re
from dataclasses import replace

import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.models.cyberhost import CyberHost
from tests.conftest import TINY
from tests.models.inputs import denoise, noise, reference_inputs, window_inputs

FITTING = {"model.audio.projected=false": ("model.audio.tokens=20", "model.audio.width=80")}
"""What must change together with a setting."""


def difference(model, preset, **changes):
    """How far the prediction moves when inputs change."""
    reference, window, latents = reference_inputs(preset), window_inputs(preset), noise(preset)
    before = denoise(model, reference, window, latents).sample
    other_reference = replace(reference, **{k: v for k, v in changes.items() if hasattr(reference, k)})
    other_window = replace(window, **{k: v for k, v in changes.items() if hasattr(window, k)})
    return (denoise(model, other_reference, other_window, latents).sample - before).abs().max().item()


def test_prediction_has_the_shape_of_the_latents(tiny, tiny_model):
    latents = noise(tiny.preset, frames=5, batch=2)
    out = denoise(tiny_model, reference_inputs(tiny.preset, 2), window_inputs(tiny.preset, 5, 2), latents)
    assert out.sample.shape == latents.shape


@pytest.mark.parametrize("name", ["latents", "skeleton", "face", "hands", "audio", "pose", "clarity", "motion"])
def test_every_input_reaches_the_prediction(tiny, tiny_model, name):
    reference, window = reference_inputs(tiny.preset, seed=7), window_inputs(tiny.preset, seed=8)
    value = getattr(reference if hasattr(reference, name) else window, name)
    assert difference(tiny_model, tiny.preset, **{name: value}) > 1e-5


def test_a_reference_for_each_frame_stands_for_the_one_of_all(tiny, tiny_model):
    reference, window, latents = reference_inputs(tiny.preset), window_inputs(tiny.preset), noise(tiny.preset)
    plain = denoise(tiny_model, reference, window, latents).sample
    same = reference.latents[:, None].repeat(1, 4, 1, 1, 1)
    carried = denoise(tiny_model, reference, replace(window, carried=same), latents).sample
    torch.testing.assert_close(carried, plain, atol=1e-6, rtol=1e-5)
    same[:, 2] += 1
    moved = (denoise(tiny_model, reference, replace(window, carried=same), latents).sample - plain).abs()
    assert moved[:, 2].mean() > 0.5
    assert moved[:, 2].mean() > 5 * moved[:, 0].mean()


def test_what_is_held_stays_what_is_carried_there(tiny, tiny_model):
    reference, window, latents = reference_inputs(tiny.preset), window_inputs(tiny.preset), noise(tiny.preset)
    carried = torch.randn(
        reference.latents[:, None].repeat(1, 4, 1, 1, 1).shape, generator=torch.Generator().manual_seed(0)
    )
    held = torch.zeros(1, 4, 1, *carried.shape[-2:])
    held[:, :, :, 2:4, 1:3], held[:, :, :, 5, 5] = 1, 0.5
    free, out = (
        denoise(tiny_model, reference, replace(window, carried=carried, held=each), latents).sample
        for each in (None, held)
    )
    torch.testing.assert_close(out, held * carried + (1 - held) * free)
    assert not torch.allclose(free[:, :, :, 2:4, 1:3], carried[:, :, :, 2:4, 1:3], atol=0.01)


def test_motion_frames_are_seen_in_eval_mode_and_cut_off(tiny, tiny_model):
    assert not tiny_model.training
    window = window_inputs(tiny.preset)
    without = replace(window, motion=window.motion[:, :0])
    latents, reference = noise(tiny.preset), reference_inputs(tiny.preset)
    seen = denoise(tiny_model, reference, window, latents).sample
    unseen = denoise(tiny_model, reference, without, latents).sample
    assert seen.shape == unseen.shape
    assert not torch.allclose(seen, unseen, atol=1e-4)


def test_rows_of_a_batch_do_not_see_each_other(tiny, tiny_model):
    reference, window, latents = (
        reference_inputs(tiny.preset, 2),
        window_inputs(tiny.preset, 4, 2),
        noise(tiny.preset, 4, 2),
    )
    both = denoise(tiny_model, reference, window, latents).sample

    def first(inputs):
        return replace(inputs, **{name: value[:1] for name, value in vars(inputs).items() if value is not None})

    alone = denoise(tiny_model, first(reference), first(window), latents[:1]).sample
    torch.testing.assert_close(both[:1], alone, atol=1e-5, rtol=1e-4)


def test_null_audio_is_zero_tokens(tiny, tiny_model):
    conditions = tiny_model.conditions(window_inputs(tiny.preset))
    denoiser, latents = tiny_model.denoiser, noise(tiny.preset)
    clip = denoiser.clip_context(tiny_model.reference_features(reference_inputs(tiny.preset)))
    timestep = torch.tensor([500.0])

    def sample(audio):
        return denoiser(latents, timestep, clip, denoiser.window_context(replace(conditions, audio=audio), 1)).sample

    torch.testing.assert_close(sample(None), sample(torch.zeros_like(conditions.audio)), atol=1e-6, rtol=1e-5)


def test_a_fresh_residual_model_predicts_the_reference(tiny):
    model = CyberHost(tiny.preset.model).eval()
    reference = reference_inputs(tiny.preset)
    out = denoise(model, reference, window_inputs(tiny.preset), noise(tiny.preset)).sample
    torch.testing.assert_close(out, reference.latents[:, None].expand_as(out))


@pytest.mark.parametrize(
    ("setting", "gone"),
    [
        ("model.motion.enabled=false", "motion_modules"),
        ("model.motion.levels=[false,true]", r"denoiser\.(down_blocks\.0|up_blocks\.1)\.motion_modules"),
        ("model.audio.enabled=false", "attn2"),
        ("model.audio.projected=false", "audio_projector"),
        ("model.regions.levels=[false,false]", "region_modules|face_encoder|hand_encoder"),
        ("model.regions.face.enabled=false", r"\.face\."),
        ("model.regions.hands.enabled=false", r"\.hands\."),
        ("model.regions.latents_bank=false", "_bank"),
        ("model.regions.identity_descriptor=false", "identity_attention"),
        ("model.priors.pose_aligned_reference=false", "^pose_encoder"),
        ("model.priors.maps=[]", r"^denoiser\.pose_encoder"),
        ("model.priors.hand_clarity_score=false", "clarity_embedding"),
    ],
)
def test_every_part_can_be_switched_off(tiny, setting, gone):
    full = CyberHost(tiny.preset.model)
    preset = load_preset("demo", [*TINY, setting, *FITTING.get(setting, ())]).preset
    model = CyberHost(preset.model).eval()
    assert any(re.search(gone, name) for name in full.state_dict())
    assert not any(re.search(gone, name) for name in model.state_dict())
    out = denoise(model, reference_inputs(preset), window_inputs(preset), noise(preset))
    assert out.sample.isfinite().all()


def test_heatmaps_are_made_for_each_hand_module(tiny, tiny_model):
    out = denoise(tiny_model, reference_inputs(tiny.preset), window_inputs(tiny.preset), noise(tiny.preset))
    maps = tiny_model.denoiser.heatmaps(out)
    assert len(maps) == sum(site.hands is not None for site in out.sites) > 0
    assert all(each.shape[:2] == (4, 42) for each in maps)
