from dataclasses import replace

import pytest
import torch

from cyberhost_cli.sampling import chunks, guidance, noise, schedule
from cyberhost_cli.sampling.sampler import Sampler
from tests.models.inputs import reference_inputs, window_inputs


def test_noise_depends_on_seed_and_frame_alone():
    whole = noise.frame_noise(5, range(10), (2, 3, 4))
    part = noise.frame_noise(5, range(6, 9), (2, 3, 4))
    assert torch.equal(whole[:, 6:9], part)
    assert not torch.equal(whole[:, 0], whole[:, 1])
    assert not torch.equal(whole, noise.frame_noise(6, range(10), (2, 3, 4)))


def test_noise_is_normal():
    drawn = noise.frame_noise(1, range(20), (4, 16, 16))
    assert abs(drawn.mean()) < 0.02
    assert abs(drawn.std() - 1) < 0.02


@pytest.mark.parametrize("name", ["ddim", "dpm++2m"])
def test_solver_finds_what_a_perfect_model_knows(tiny, name):
    config = tiny.preset.model.diffusion
    solver = schedule.solver(config, name)
    solver.set_timesteps(8)
    assert solver.timesteps[0] == config.train_steps - 1
    clean, latents = torch.randn(1, 2, 4, 4, 4), torch.randn(1, 2, 4, 4, 4)
    for timestep in solver.timesteps:
        latents = solver.step(clean, timestep, latents).prev_sample
    torch.testing.assert_close(latents, clean, atol=1e-2, rtol=1e-2)


def test_terminal_step_is_pure_noise(tiny):
    alphas = schedule.training_schedule(tiny.preset.model.diffusion).alphas_cumprod
    assert alphas[-1] < 1e-6


@pytest.mark.parametrize(("reference", "audio", "count"), [(1, 1, 1), (1, 2.5, 2), (3.0, 2.0, 3)])
def test_guidance_weights_add_up_to_one(tiny, tiny_model, reference, audio, count):
    scales = tiny.preset.sampling.guidance.model_copy(update={"reference": reference, "audio": audio})
    denoiser = tiny_model.denoiser
    clips = guidance.clip_contexts(denoiser, tiny_model.reference_features(reference_inputs(tiny.preset)), scales)
    branches = guidance.branches(denoiser, clips, tiny_model.conditions(window_inputs(tiny.preset)), 4, scales)
    assert len(branches) == count
    assert sum(branch.weight for branch in branches) == pytest.approx(1)


def windows(preset, audio):
    inputs = window_inputs(preset, frames=40)

    def window(chunk, motion):
        span = slice(chunk.start, chunk.stop)
        return replace(inputs, audio=audio[:, span], clarity=inputs.clarity[:, span], motion=motion)

    return window


def run(tiny, model, seed=3, frames=15):
    sampling = tiny.preset.sampling
    plan = chunks.plan(frames, sampling.chunk_frames, sampling.overlap)
    audio = window_inputs(tiny.preset, frames=40).audio
    sampler = Sampler(model, sampling, reference_inputs(tiny.preset), seed)
    return list(sampler.run(plan, windows(tiny.preset, audio)))


def test_same_seed_same_latents(tiny, tiny_model):
    one, two, other = run(tiny, tiny_model), run(tiny, tiny_model), run(tiny, tiny_model, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.allclose(one[0], other[0], atol=1e-3)


def test_each_chunk_sees_the_frames_before_its_own(tiny, tiny_model):
    sampling, seen = tiny.preset.sampling, []
    plan = chunks.plan(15, sampling.chunk_frames, sampling.overlap)
    inner = windows(tiny.preset, window_inputs(tiny.preset, frames=40).audio)

    def window(chunk, motion):
        seen.append(motion)
        return inner(chunk, motion)

    reference = reference_inputs(tiny.preset)
    sampler = Sampler(tiny_model, sampling, reference, 3)
    made = list(sampler.run(plan, window))
    assert torch.equal(seen[0], reference.latents[:, None].expand_as(seen[0]))
    count = tiny.preset.model.motion.frames
    for number in range(1, len(plan)):
        end = plan[number].start - plan[number - 1].start
        assert torch.equal(seen[number][0], made[number - 1][end - count : end])
