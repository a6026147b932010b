import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.sampling import guidance
from cyberhost_cli.sampling.guidance import Guidance, Term
from tests.conftest import TINY
from tests.models.inputs import noise, reference_inputs, window_inputs

STEPS = 10
TIMESTEPS = tuple(900.0 - 90 * step for step in range(STEPS))


def scales_of(preset, **changes):
    return preset.sampling.guidance.model_copy(update=changes)


def guided(preset, model, at_once=3, **changes):
    return Guidance(model, reference_inputs(preset), scales_of(preset, **changes), TIMESTEPS, at_once)


@pytest.mark.parametrize(
    ("reference", "audio", "names"),
    [
        (1.0, 1.0, ["full"]),
        (1.0, 2.5, ["full", "silent"]),
        (3.0, 2.0, ["full", "silent", "nobody"]),
        (2.5, 2.5, ["full", "nobody"]),
    ],
)
def test_weights_add_up_to_one(tiny, tiny_model, reference, audio, names):
    terms = guided(tiny.preset, tiny_model, reference=reference, audio=audio).terms(0)
    assert [term.name for term in terms] == names
    assert sum(term.weight for term in terms) == pytest.approx(1)


def test_guidance_is_the_sum_of_its_branches(tiny, tiny_model):
    scales = scales_of(tiny.preset, reference=3.0, audio=2.0)
    latents, timestep, told = noise(tiny.preset), torch.tensor(TIMESTEPS[:1]), window_inputs(tiny.preset)
    whole = guided(tiny.preset, tiny_model, reference=3.0, audio=2.0)
    clips = guidance.clip_contexts(tiny_model, reference_inputs(tiny.preset), scales)
    branches = guidance.branches(tiny_model, clips, told, scales)
    full, silent, nobody = (tiny_model.denoiser(latents, timestep, each.clip, each.window).sample for each in branches)
    expected = nobody + 3 * (silent - nobody) + 2 * (full - silent)
    found, _ = whole.predict(latents, 0, whole.window(told))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    lone = guidance.predict(tiny_model.denoiser, latents, timestep, branches, None)
    torch.testing.assert_close(lone, expected, atol=1e-5, rtol=1e-5)


def test_guidance_leads_no_cell_further_than_its_limit(tiny, tiny_model):
    free, told = guided(tiny.preset, tiny_model, audio=3.0), window_inputs(tiny.preset)
    latents, timestep = noise(tiny.preset), torch.tensor(TIMESTEPS[:1])
    full, _ = guided(tiny.preset, tiny_model, audio=1.0).predict(latents, 0, free.window(told))
    way = free.predict(latents, 0, free.window(told))[0] - full
    lengths = way.norm(dim=2)
    limit = float(lengths.median())
    limited = guided(tiny.preset, tiny_model, audio=3.0, limit=limit)
    taken = limited.predict(latents, 0, limited.window(told))[0] - full
    near = lengths <= limit
    assert 0.4 < near.float().mean() < 0.6
    torch.testing.assert_close(taken.norm(dim=2), lengths.clamp(max=limit), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(taken, way * (limit / lengths).clamp(max=1)[:, :, None], atol=1e-5, rtol=1e-4)
    clips = guidance.clip_contexts(tiny_model, reference_inputs(tiny.preset), scales_of(tiny.preset, audio=3.0))
    branches = guidance.branches(tiny_model, clips, told, scales_of(tiny.preset, audio=3.0))
    lone = guidance.predict(tiny_model.denoiser, latents, timestep, branches, limit)
    torch.testing.assert_close(lone - full, taken, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("keep_map", [True, False])
def test_the_branch_without_a_reference_sees_the_map_where_the_preset_says(tiny, tiny_model, keep_map):
    window = guided(tiny.preset, tiny_model, reference=3.0, audio=2.0, keep_map=keep_map).window(
        window_inputs(tiny.preset)
    )
    assert window["nobody"][0].reference is None
    assert (window["nobody"][1].pose is not None) == keep_map
    assert all(window[name][1].pose is not None for name in ("full", "silent"))


def test_what_hears_nothing_is_not_guided_by_sound():
    preset = load_preset("demo", [*TINY, "model.audio.enabled=false"]).preset
    model = CyberHost(preset.model).eval()
    for reference, count in ((1.0, 1), (2.0, 2)):
        terms = guided(preset, model, reference=reference, audio=3.5).terms(0)
        assert [term.weight for term in terms] == [reference, 1 - reference][:count]


@pytest.mark.parametrize(
    ("interval", "steps"),
    [((0.0, 1.0), range(10)), ((0.2, 0.8), range(2, 8)), ((0.0, 0.55), range(6)), ((0.5, 0.5), range(0))],
)
def test_only_steps_within_the_interval_are_guided(tiny, tiny_model, interval, steps):
    whole = guided(tiny.preset, tiny_model, reference=3.0, audio=2.0, interval=interval)
    assert [step for step in range(STEPS) if len(whole.terms(step)) == 3] == list(steps)
    rest = {whole.terms(step) for step in range(STEPS) if step not in steps}
    assert rest <= {(Term("full", 1.0),)}


@torch.inference_mode()
def test_windows_of_a_batch_may_be_at_different_steps(tiny, tiny_model):
    whole = guided(tiny.preset, tiny_model, reference=3.0, audio=2.0)
    latents = noise(tiny.preset, 4, 2)
    both, _ = whole.predict(latents, (1, 4), whole.window(window_inputs(tiny.preset, 4, 2)))
    for row, step in enumerate((1, 4)):
        told = window_inputs(tiny.preset, 4, 2)
        own = whole.window(type(told)(*(None if each is None else each[row : row + 1] for each in vars(told).values())))
        alone, _ = whole.predict(latents[row : row + 1], step, own)
        torch.testing.assert_close(both[row : row + 1], alone, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_timesteps_are_embedded_once_for_a_clip(tiny, tiny_model):
    seen = []
    watched = tiny_model.denoiser.time_embedding.register_forward_hook(lambda _module, told, _out: seen.append(told[0]))
    whole = guided(tiny.preset, tiny_model, reference=3.0, audio=2.0)
    window, latents = whole.window(window_inputs(tiny.preset)), noise(tiny.preset)
    for _chunk in range(2):
        for step in range(3):
            whole.predict(latents, step, window)
    watched.remove()
    assert torch.cat(seen).tolist() == list(TIMESTEPS)


@torch.inference_mode()
def test_predictions_are_float32_whatever_the_model_is(tiny):
    half = CyberHost(tiny.preset.model).to(torch.bfloat16).eval()
    cast = {
        name: [each.bfloat16() for each in vars(made).values() if torch.is_tensor(each)]
        for name, made in (("reference", reference_inputs(tiny.preset)), ("window", window_inputs(tiny.preset)))
    }
    reference = type(reference_inputs(tiny.preset))(*cast["reference"], None)
    window = type(window_inputs(tiny.preset))(*cast["window"])
    whole = Guidance(half, reference, scales_of(tiny.preset, reference=3.0, audio=2.0), TIMESTEPS, 3)
    found, _ = whole.predict(noise(tiny.preset), 0, whole.window(window))
    assert found.dtype == torch.float32
    assert found.isfinite().all()
