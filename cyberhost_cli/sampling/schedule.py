"""Noise schedules and solvers, from diffusers, and the loop over a solver's steps."""

from collections.abc import Callable
from typing import Any, TypeAlias

from diffusers.schedulers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from jaxtyping import Float32
from torch import Tensor

from cyberhost_cli.config.model import DiffusionConfig

Solver: TypeAlias = DDIMScheduler | DPMSolverMultistepScheduler
Predict = Callable[[int, Float32[Tensor, "1 f c h w"], Float32[Tensor, "1"]], Float32[Tensor, "1 f c h w"]]
"""What the model says of latents at a timestep, told the number of the step, from 0."""


def _betas(config: DiffusionConfig) -> dict[str, Any]:
    """Linear betas of the public family, by diffusers' names."""
    return {
        "num_train_timesteps": config.train_steps,
        "beta_start": config.beta_start,
        "beta_end": config.beta_end,
        "beta_schedule": "linear",
        "prediction_type": config.prediction,
        "rescale_betas_zero_snr": config.zero_terminal_snr,
        "timestep_spacing": "trailing",
    }


def solver(config: DiffusionConfig, name: str) -> Solver:
    """Make a fresh solver: `ddim` (Song et al., 2020) or `dpm++2m` (Lu et al., 2022)."""
    if name == "ddim":
        return DDIMScheduler(**_betas(config), clip_sample=False)
    return DPMSolverMultistepScheduler(**_betas(config), algorithm_type="dpmsolver++", solver_order=2)


def training_schedule(config: DiffusionConfig) -> DDPMScheduler:
    """Make the schedule that adds noise in training."""
    return DDPMScheduler(**_betas(config), clip_sample=False)


def denoise(solver: Solver, noise: Float32[Tensor, "1 f c h w"], predict: Predict) -> Float32[Tensor, "1 f c h w"]:
    """Take all steps of a solver whose timesteps are set, from standard normal noise to latents.

    Latents are float32 whatever the type of the model, since rounding adds up over the steps.
    """
    latents = noise * solver.init_noise_sigma
    for step, timestep in enumerate(solver.timesteps):
        predicted = predict(step, solver.scale_model_input(latents, timestep), timestep.float()[None])
        latents = solver.step(predicted, timestep, latents).prev_sample
    return latents
