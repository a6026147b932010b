"""Noise schedules and solvers, from diffusers."""

from typing import Any

from diffusers.schedulers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

from cyberhost_cli.config.model import DiffusionConfig


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


def solver(config: DiffusionConfig, name: str) -> DDIMScheduler | DPMSolverMultistepScheduler:
    """Make a fresh solver: `ddim` (Song et al., 2020) or `dpm++2m` (Lu et al., 2022)."""
    if name == "ddim":
        return DDIMScheduler(**_betas(config), clip_sample=False)
    return DPMSolverMultistepScheduler(**_betas(config), algorithm_type="dpmsolver++", solver_order=2)


def training_schedule(config: DiffusionConfig) -> DDPMScheduler:
    """Make the schedule that adds noise in training."""
    return DDPMScheduler(**_betas(config), clip_sample=False)
