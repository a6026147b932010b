import math
from itertools import pairwise

import pytest
import torch
from diffusers.schedulers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.sampling.noise import frame_noise
from cyberhost_cli.sampling.schedule import Solver, training_schedule

NAMES = ("ddim", "dpm++2m", "unipc", "euler", "lcm")
KINDS = ("sample", "v_prediction", "epsilon")
SHAPE = (2, 3, 4, 4, 4)


def config(kind="v_prediction", zero=None):
    zero = kind != "epsilon" if zero is None else zero
    settings = [f"model.diffusion.prediction={kind}", f"model.diffusion.zero_terminal_snr={zero}".lower()]
    return load_preset("base", settings).preset.model.diffusion


def drawn(seed):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def no_noise():
    raise AssertionError


def again(seed=5):
    """Return what draws the noise of later steps."""
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(SHAPE, generator=generator)


def model(latents, timestep):
    """Return something of the size of a prediction that depends on all it is given."""
    return (latents * 3 + timestep / 100).sin()


def sampled(solver, noise, predict=model, noise_again=None):
    latents = solver.begin(noise)
    for step, timestep in enumerate(solver.timesteps):
        predicted = predict(solver.scale(latents, step), timestep)
        latents = solver.step(predicted, latents, noise_again or no_noise)
    return latents


def theirs(name, settings, steps, noise, timesteps=None):
    """Sample as a pipeline of diffusers does."""
    told = {
        "num_train_timesteps": settings.train_steps,
        "beta_start": settings.beta_start,
        "beta_end": settings.beta_end,
        "beta_schedule": "linear",
        "prediction_type": settings.prediction,
        "rescale_betas_zero_snr": settings.zero_terminal_snr,
        "timestep_spacing": "trailing",
    }
    scheduler = {
        "ddim": lambda: DDIMScheduler(**told, clip_sample=False),
        "dpm++2m": lambda: DPMSolverMultistepScheduler(**told, algorithm_type="dpmsolver++", solver_order=2),
        "unipc": lambda: UniPCMultistepScheduler(**told),
        "euler": lambda: EulerDiscreteScheduler(**told),
        "lcm": lambda: LCMScheduler(**told),
    }[name]()
    if name == "lcm":
        trailing = [round(1000 - step * 1000 / steps) - 1 for step in range(steps)]
        scheduler.set_timesteps(timesteps=timesteps or trailing, original_inference_steps=1000)
    else:
        scheduler.set_timesteps(steps)
    more = {"generator": torch.Generator().manual_seed(5)} if name == "lcm" else {}
    latents = noise * scheduler.init_noise_sigma
    for timestep in scheduler.timesteps:
        predicted = model(scheduler.scale_model_input(latents, timestep), timestep.item())
        latents = scheduler.step(predicted, timestep, latents, **more).prev_sample
    return latents


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_latents_are_those_of_diffusers_own_loop(name, kind):
    settings = config(kind)
    for steps in (1, 2, 5, 20):
        made = sampled(Solver(settings, name, steps), drawn(0), noise_again=again())
        expected = theirs(name, settings, steps, drawn(0))
        if name in ("ddim", "dpm++2m"):
            assert torch.equal(made, expected)
        else:
            torch.testing.assert_close(made, expected, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_timesteps_are_drawn_towards_little_noise(kind):
    settings, drawn_down = config(kind), [999, 639, 359, 159, 39]
    solver = Solver(settings, "lcm", 5, 2.0)
    assert solver.timesteps == tuple(drawn_down)
    expected = theirs("lcm", settings, 5, drawn(0), drawn_down)
    torch.testing.assert_close(sampled(solver, drawn(0), noise_again=again()), expected, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("steps", [1, 60, 1000])
@pytest.mark.parametrize("spacing", [1.0, 1.3, 3.0])
def test_no_timestep_comes_twice(steps, spacing):
    times = Solver(config("sample"), "lcm", steps, spacing).timesteps
    assert len(times) == steps
    assert all(before > after for before, after in pairwise(times))
    assert times[0] == 999
    assert times[-1] >= 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 2, 8])
def test_what_a_perfect_model_knows_is_found(name, kind, steps):
    settings = config(kind)
    alphas, clean = training_schedule(settings).alphas_cumprod, drawn(1)

    def knows(latents, timestep):
        signal, rest = alphas[int(timestep)].sqrt(), (1 - alphas[int(timestep)]).sqrt()
        noise = (latents - signal * clean) / rest
        return {"sample": clean, "epsilon": noise, "v_prediction": signal * noise - rest * clean}[kind]

    solver = Solver(settings, name, steps)
    assert solver.timesteps[0] == settings.train_steps - 1
    torch.testing.assert_close(sampled(solver, drawn(0), knows, again()), clean, atol=3e-3, rtol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_one_step_with_a_model_of_pictures_is_what_it_says(name):
    predicted = drawn(1)
    made = sampled(Solver(config("sample"), name, 1), drawn(0), lambda _latents, _timestep: predicted)
    # Euler starts from noise that is 4096 times larger, and rounds as much more; LCM keeps a trace of the noise.
    torch.testing.assert_close(made, predicted, rtol=0, atol={"euler": 1e-3, "lcm": 1e-7}.get(name, 0))


def test_solvers_that_look_back_come_nearer_to_the_truth():
    """Pictures drawn from a normal distribution: the best model is known, and so is where the noise leads."""
    settings, spread = config(), 2.0
    alphas, noise = training_schedule(settings).alphas_cumprod.double(), drawn(0)

    def best(latents, timestep):
        alpha = alphas[int(timestep)]
        signal, rest = alpha.sqrt().item(), (1 - alpha).sqrt().item()
        clean = latents * (signal * spread**2 / (signal**2 * spread**2 + rest**2))
        return signal * (latents - signal * clean) / rest - rest * clean

    def error(name, steps):
        return (sampled(Solver(settings, name, steps), noise, best) - noise * spread).abs().mean().item()

    first = [error("ddim", steps) for steps in (5, 10, 20)]
    assert first == pytest.approx([error("euler", steps) for steps in (5, 10, 20)], rel=1e-3)
    assert first[0] > 1.8 * first[1] > 1.8 * 1.8 * first[2]
    for name in ("dpm++2m", "unipc"):
        second = [error(name, steps) for steps in (5, 10, 20)]
        assert second[0] > second[1] > second[2]
        assert second[0] < first[0] / 1.8
        assert second[1] < first[2] / 2


@pytest.mark.parametrize("name", NAMES)
def test_another_solver_goes_on_with_the_very_same_latents(name):
    settings, steps = config(), 6
    whole, latents, before = sampled(Solver(settings, name, steps), drawn(0), noise_again=again()), None, None
    noise_again = again()
    for step in range(steps):
        solver = Solver(settings, name, steps)
        if before is None:
            latents = solver.begin(drawn(0))
        else:
            solver.resume(before)
        predicted = model(solver.scale(latents, step), solver.timesteps[step])
        latents = solver.step(predicted, latents, noise_again)
        before = {key: value.clone() for key, value in solver.state().items()}
    assert torch.equal(latents, whole)


@pytest.mark.parametrize("name", NAMES)
def test_solvers_of_many_blocks_do_not_disturb_each_other(name):
    one, two = Solver(config(), name, 4), Solver(config(), name, 4)
    alone = [sampled(Solver(config(), name, 4), drawn(seed), noise_again=again(seed)) for seed in (0, 1)]
    first, second, noises = one.begin(drawn(0)), two.begin(drawn(1)), (again(0), again(1))
    for step, timestep in enumerate(one.timesteps):
        first = one.step(model(one.scale(first, step), timestep), first, noises[0])
        if step:
            late = step - 1
            second = two.step(model(two.scale(second, late), two.timesteps[late]), second, noises[1])
    second = two.step(model(two.scale(second, 3), two.timesteps[3]), second, noises[1])
    assert torch.equal(first, alone[0])
    assert torch.equal(second, alone[1])


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 25, 61, 103, 1000])
def test_timesteps_are_trailing_in_every_solver(steps):
    found = {Solver(config(), name, steps).timesteps for name in NAMES}
    assert len(found) == 1
    (timesteps,) = found
    assert len(timesteps) == steps
    assert list(timesteps) == [pytest.approx(1000 - step * 1000 / steps - 1, abs=0.51) for step in range(steps)]


def ddim(settings, steps, noise, velocity):
    """Denoise as EchoMimicV2 and Hallo do, written down from the formulas, in float64."""
    betas = torch.linspace(settings.beta_start, settings.beta_end, 1000, dtype=torch.float64)
    roots = (1 - betas).cumprod(0).sqrt()
    roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
    latents = noise.double()
    for step in range(steps):
        timestep = round(1000 - step * 1000 / steps) - 1
        before = timestep - 1000 // steps
        a, b = roots[timestep], (1 - roots[timestep] ** 2).sqrt()
        a_before = roots[before] if before >= 0 else torch.ones(())
        v = velocity(latents, timestep)
        latents = a_before * (a * latents - b * v) + (1 - a_before**2).sqrt() * (a * v + b * latents)
    return latents


def test_three_steps_are_those_of_the_public_family():
    noise, told, seen = frame_noise(2, range(2), (4, 4, 4)), [], []

    def ours(latents, timestep):
        told.append(timestep)
        return latents.sin()

    def of_the_family(latents, timestep):
        seen.append(timestep)
        return latents.sin()

    made, expected = sampled(Solver(config(), "ddim", 3), noise, ours), ddim(config(), 3, noise, of_the_family)
    assert told == seen == [999, 666, 332]
    torch.testing.assert_close(made.double(), expected, atol=1e-4, rtol=1e-4)


def test_terminal_step_is_pure_noise():
    assert training_schedule(config()).alphas_cumprod[-1] < 1e-6
    assert math.isclose(Solver(config(), "euler", 4).begin(torch.ones(SHAPE))[0, 0, 0, 0, 0].item(), 4096, rel_tol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_is_never_waited_for(name, kind):
    here = sampled(Solver(config(kind), name, 5), drawn(0), noise_again=again())
    noise, draw = drawn(0).cuda(), again()
    later = iter([draw().cuda() for _ in range(5)])
    torch.cuda.set_sync_debug_mode("error")
    try:
        there = sampled(Solver(config(kind), name, 5), noise, noise_again=lambda: next(later))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(there.cpu(), here, atol=2e-3, rtol=1e-3)
