from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.sampling import chunks, guidance, schedule
from cyberhost_cli.sampling.noise import frame_noise
from cyberhost_cli.sampling.sampler import Sampler
from tests.conftest import TINY
from tests.models.inputs import reference_inputs, window_inputs


def test_noise_depends_on_seed_and_frame_alone():
    whole = frame_noise(5, range(10), (2, 3, 4))
    part = frame_noise(5, range(6, 9), (2, 3, 4))
    assert torch.equal(whole[:, 6:9], part)
    assert not torch.equal(whole[:, 0], whole[:, 1])
    assert not torch.equal(whole, frame_noise(6, range(10), (2, 3, 4)))


def test_noise_is_normal():
    drawn = frame_noise(1, range(20), (4, 16, 16))
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02


@pytest.mark.parametrize("name", ["ddim", "dpm++2m"])
def test_solver_finds_what_a_perfect_model_knows(tiny, name):
    config = tiny.preset.model.diffusion
    solver = schedule.solver(config, name)
    solver.set_timesteps(8)
    assert solver.timesteps[0] == config.train_steps - 1
    clean = torch.randn(1, 2, 4, 4, 4)
    found = schedule.denoise(solver, torch.randn(1, 2, 4, 4, 4), lambda _step, _latents, _timestep: clean)
    torch.testing.assert_close(found, clean, atol=1e-2, rtol=1e-2)


def ddim(config, steps, noise, velocity):
    """Denoise as EchoMimicV2 and Hallo do, written down from the formulas, in float64."""
    betas = torch.linspace(config.beta_start, config.beta_end, 1000, dtype=torch.float64)
    roots = (1 - betas).cumprod(0).sqrt()
    roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    latents = noise.double()
    for step in range(steps):
        timestep = round(1000 - step * 1000 / steps) - 1
        before = timestep - 1000 // steps
        a, b = roots[timestep], (1 - roots[timestep] ** 2).sqrt()
        a_before = roots[before] if before >= 0 else torch.ones(())
        v = velocity(step, latents, timestep)
        latents = a_before * (a * latents - b * v) + (1 - a_before**2).sqrt() * (a * v + b * latents)
    return latents


def test_three_steps_are_those_of_the_public_family(tiny):
    config = tiny.preset.model.diffusion.model_copy(update={"prediction": "v_prediction"})
    noise, told, seen = frame_noise(2, range(2), (4, 4, 4)), [], []

    def ours(step, latents, timestep):
        told.append((step, timestep.item()))
        return (latents + step).sin()

    def theirs(step, latents, timestep):
        seen.append((step, timestep))
        return (latents + step).sin()

    solver = schedule.solver(config, "ddim")
    solver.set_timesteps(3)
    made, expected = schedule.denoise(solver, noise, ours), ddim(config, 3, noise, theirs)
    assert told == seen == [(0, 999), (1, 666), (2, 332)]
    torch.testing.assert_close(made.double(), expected, atol=1e-4, rtol=1e-4)


def test_terminal_step_is_pure_noise(tiny):
    alphas = schedule.training_schedule(tiny.preset.model.diffusion).alphas_cumprod
    assert alphas[-1] < 1e-6


@pytest.mark.parametrize(("reference", "audio", "count"), [(1.0, 1.0, 1), (1.0, 2.5, 2), (3.0, 2.0, 3), (2.5, 2.5, 2)])
def test_guidance_weights_add_up_to_one(tiny, tiny_model, reference, audio, count):
    scales = tiny.preset.sampling.guidance.model_copy(update={"reference": reference, "audio": audio})
    clips = guidance.clip_contexts(tiny_model, reference_inputs(tiny.preset), scales)
    branches = guidance.branches(tiny_model, clips, window_inputs(tiny.preset), scales)
    assert len(branches) == count
    assert sum(branch.weight for branch in branches) == pytest.approx(1)


@pytest.mark.parametrize("keep_map", [True, False])
def test_the_branch_without_a_reference_sees_the_map_where_the_preset_says(tiny, tiny_model, keep_map):
    changes = {"reference": 3.0, "audio": 2.0, "keep_map": keep_map}
    scales = tiny.preset.sampling.guidance.model_copy(update=changes)
    clips = guidance.clip_contexts(tiny_model, reference_inputs(tiny.preset), scales)
    *others, nobody = guidance.branches(tiny_model, clips, window_inputs(tiny.preset), scales)
    assert nobody.clip.reference is None
    assert (nobody.window.pose is not None) == keep_map
    assert all(branch.window.pose is not None for branch in others)


def test_what_hears_nothing_is_not_guided_by_sound():
    preset = load_preset("demo", [*TINY, "model.audio.enabled=false"]).preset
    model, window = CyberHost(preset.model).eval(), window_inputs(preset)
    for reference, count in ((1.0, 1), (2.0, 2)):
        scales = preset.sampling.guidance.model_copy(update={"reference": reference, "audio": 3.5})
        clips = guidance.clip_contexts(model, reference_inputs(preset), scales)
        branches = guidance.branches(model, clips, window, scales)
        assert [branch.weight for branch in branches] == [reference, 1 - reference][:count]


def inputs(preset):
    whole = window_inputs(preset, frames=40)

    def window(frames, motion):
        return replace(whole, audio=whole.audio[:, frames], clarity=whole.clarity[:, frames], motion=motion)

    return window


def sampler_of(preset, model, seed=3):
    return Sampler(model, preset.sampling, reference_inputs(preset), partial(frame_noise, seed))


def run(preset, model, frames=15, seed=3):
    told = []
    made = list(sampler_of(preset, model, seed).run(frames, inputs(preset), lambda *passes: told.append(passes)))
    assert told == [(done, told[-1][1]) for done in range(1, told[-1][1] + 1)]
    return made


def test_same_seed_same_latents(tiny, tiny_model):
    one, two, other = (run(tiny.preset, tiny_model, seed=seed) for seed in (3, 3, 4))
    assert [len(some) for some in one] == [4, 4, 4, 3]
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.allclose(one[0], other[0], atol=1e-3)


def test_each_chunk_is_told_the_frames_before_its_own(tiny, tiny_model):
    preset, seen = tiny.preset, []
    window = inputs(preset)

    def watched(frames, motion):
        seen.append((frames, motion))
        return window(frames, motion)

    made = torch.cat(list(sampler_of(preset, tiny_model).run(15, watched, lambda _done, _total: None)))
    plan = chunks.plan(15, preset.sampling.chunk_frames, preset.sampling.overlap)
    assert [frames.tolist() for frames, _ in seen] == [list(range(chunk.start, chunk.stop)) for chunk in plan]
    reference = reference_inputs(preset).latents[:, None]
    assert torch.equal(seen[0][1], reference.expand_as(seen[0][1]))
    count = preset.model.motion.frames
    # Of these frames only the first chunk made any, so that no cross-fade has changed them.
    assert plan[1].start >= count
    assert torch.equal(seen[1][1][0], made[plan[1].start - count : plan[1].start])


@pytest.fixture(scope="module")
def together(tiny_model):
    """Return a preset whose windows are denoised together, and the tiny model without motion frames."""

    def made(**sampling):
        settings = {"plan": "windows", "steps": 3, "solver": "ddim", **sampling}
        changed = ["model.motion.frames=0", "model.diffusion.prediction=v_prediction"]
        changed += [f"sampling.{key}={value}" for key, value in settings.items()]
        preset = load_preset("demo", [*TINY, *changed]).preset
        model = CyberHost(preset.model).eval().requires_grad_(False)
        model.load_state_dict(tiny_model.state_dict())
        return preset, model

    return made


@pytest.mark.parametrize(
    ("frames", "looped", "shift", "windows"),
    [
        (11, True, 2, [[0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9], [8, 9, 10, 0, 1, 2]]),
        (11, True, 0, [[0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9], [8, 9, 10, 0, 1, 2]]),
        (11, False, 0, [[0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8, 9], [5, 6, 7, 8, 9, 10]]),
        (4, True, 3, [[0, 1, 2, 3]]),
    ],
)
def test_windows_are_predicted_together_in_each_step(together, frames, looped, shift, windows):
    preset, model = together(looped=looped, shift=shift, noise_limit=1.0)
    scales, window = preset.sampling.guidance, inputs(preset)
    clips = guidance.clip_contexts(model, reference_inputs(preset), scales)
    side = preset.picture.width // preset.model.autoencoder.factor
    no_motion = torch.zeros(1, 0, 4, side, side)

    def predict(step, latents, timestep):
        predicted = torch.zeros_like(latents)
        for frame in range(frames):
            moved = [[(each + step * shift) % frames for each in row] for row in windows]
            views = [np.array(row) for row in moved if frame in row]
            for row in views:
                branches = guidance.branches(model, clips, window(row, no_motion), scales)
                seen = guidance.predict(
                    model.denoiser, latents[:, row].float(), torch.tensor([float(timestep)]), branches
                )
                predicted[:, frame] += seen[:, row.tolist().index(frame)] / len(views)
        return predicted

    noise = frame_noise(3, range(frames), (4, side, side)).clamp(-1, 1)
    expected = ddim(preset.model.diffusion, 3, noise, predict)[0].float()
    made = run(preset, model, frames)
    assert all(len(some) <= preset.sampling.chunk_frames for some in made)
    torch.testing.assert_close(torch.cat(made), expected, atol=1e-4, rtol=1e-4)


def test_one_window_in_place_is_one_chunk(together):
    preset, model = together()
    in_turn = preset.model_copy(update={"sampling": preset.sampling.model_copy(update={"plan": "sequential"})})
    frames = preset.sampling.chunk_frames
    assert torch.equal(torch.cat(run(preset, model, frames)), torch.cat(run(in_turn, model, frames)))


def test_the_first_noise_is_cut_off(together):
    preset, model = together(noise_limit=0.5)
    free, same = together()[0], together(noise_limit=9.0)[0]
    cut, uncut = torch.cat(run(preset, model)), torch.cat(run(free, model))
    assert not torch.allclose(cut, uncut, atol=1e-3)
    assert torch.equal(torch.cat(run(same, model)), uncut)
