"""Noise schedules and solvers, from diffusers."""

import copy
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from diffusers.schedulers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    SchedulerMixin,
    UniPCMultistepScheduler,
)
from jaxtyping import Float32
from torch import Tensor

from cyberhost_cli.config.model import DiffusionConfig

_STEP = "step"
_ORDER = 2
"""Order of the solvers that look back."""


class Solver:
    """One way from noise to latents for some frames, in any number of rows.

    `ddim` (Song et al., 2020), `dpm++2m` (Lu et al., 2022), `unipc` (Zhao et al., 2023), `euler` (Karras et al., 2022)
    or `lcm` (Luo et al., 2023). All go through the same timesteps, unless `lcm` is told to draw them together.
    None waits for the device: what they multiply by lies on the host. Latents are float32 whatever the type of the
    model, since rounding adds up over the steps.

    Args:
        config: of the noise that the model learned to remove.
        name: of the solver.
        steps: how many.
        spacing: power of the share of the way that is left at each step; above 1 more of them are at little noise.
    """

    def __init__(self, config: DiffusionConfig, name: str, steps: int, spacing: float = 1.0) -> None:
        self._name = name
        # The tables are shared; what a step changes is set before each.
        self._scheduler = copy.copy(_scheduler(config, name, steps, spacing))
        self._times = _times(config, name, steps, spacing)
        self._shares = _unipc_shares(config, steps) if name == "unipc" else ()
        self._taken = 0
        self._held: tuple[Tensor, ...] = ()

    @property
    def timesteps(self) -> tuple[float, ...]:
        """Timestep of each step, as the model is told it."""
        return tuple(map(float, self._times))

    def begin(self, noise: Float32[Tensor, "b f c h w"]) -> Float32[Tensor, "b f c h w"]:
        """Return the first latents, of standard normal noise."""
        return noise * float(self._scheduler.init_noise_sigma)

    def scale(self, latents: Float32[Tensor, "b f c h w"], step: int) -> Float32[Tensor, "b f c h w"]:
        """Return the latents as the model is to see them."""
        self._scheduler._step_index = step
        return self._scheduler.scale_model_input(latents, self._times[step])

    def step(
        self,
        predicted: Float32[Tensor, "b f c h w"],
        latents: Float32[Tensor, "b f c h w"],
        noise: Callable[[], Float32[Tensor, "b f c h w"]],
    ) -> Float32[Tensor, "b f c h w"]:
        """Take the next step by what the model said of the latents; `noise` is asked by `lcm`, but for its last."""
        step = self._taken
        self._taken += 1
        if self._name == "lcm":
            return self._consistent(step, predicted, latents, noise)
        if self._name == "unipc":
            after, *held = (_mixed(row, (predicted, latents, *self._held)) for row in self._shares[step])
            self._held = (*held, *self._held[1:2])
            return after
        scheduler = self._scheduler
        scheduler._step_index = step
        if self._name == "dpm++2m":
            scheduler.lower_order_nums, scheduler.model_outputs = min(step, _ORDER), [None, *(self._held or (None,))]
        after = scheduler.step(predicted, self._times[step], latents).prev_sample
        if self._name == "dpm++2m":
            self._held = (scheduler.model_outputs[-1],)
        return after

    def state(self) -> dict[str, Tensor]:
        """Return, by name, all from which another solver of the same kind goes on with the very same result."""
        return {_STEP: torch.tensor(self._taken), **{f"held{n}": each for n, each in enumerate(self._held)}}

    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another solver was; what it held must lie where the latents do."""
        self._taken = int(state[_STEP])
        self._held = tuple(state[f"held{n}"] for n in range(len(state) - 1))

    def _consistent(self, step: int, predicted: Tensor, latents: Tensor, noise: Callable[[], Tensor]) -> Tensor:
        """Go to the clean latents and back to the noise of the next step, drawn by the caller instead of diffusers."""
        scheduler = self._scheduler
        # Told that it is the last, diffusers draws no noise of its own.
        scheduler._step_index = len(self._times) - 1
        denoised = scheduler.step(predicted, self._times[step], latents).denoised
        if self._taken == len(self._times):
            return denoised
        alpha = scheduler.alphas_cumprod[self._times[self._taken]]
        return alpha.sqrt() * denoised + (1 - alpha).sqrt() * noise()


def training_schedule(config: DiffusionConfig) -> DDPMScheduler:
    """Make the schedule that adds noise in training."""
    return DDPMScheduler(**_betas(config), clip_sample=False)


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


@functools.cache
def _scheduler(config: DiffusionConfig, name: str, steps: int, spacing: float = 1.0) -> SchedulerMixin:
    """Make diffusers' scheduler with its timesteps set, and its numbers as Python's where it would look at tensors."""
    if name == "lcm":
        lcm = LCMScheduler(**_betas(config))
        # Its own timesteps are others; a student learns to step from those of `ddim`.
        lcm.set_timesteps(timesteps=_drawn_down(config, steps, spacing), original_inference_steps=config.train_steps)
        return lcm
    if name == "ddim":
        made = DDIMScheduler(**_betas(config), clip_sample=False)
    elif name == "euler":
        made = EulerDiscreteScheduler(**_betas(config))
    else:
        kind = DPMSolverMultistepScheduler if name == "dpm++2m" else UniPCMultistepScheduler
        made = kind(**_betas(config), solver_order=_ORDER)
    made.set_timesteps(steps)
    # Rounding errors make it one too many for some numbers of steps, 61 is the first.
    made.timesteps = made.timesteps[:steps]
    made.num_inference_steps = steps
    if name != "ddim":
        made.sigmas = torch.cat((made.sigmas[:steps], made.sigmas[-1:]))
    if name == "euler":
        made.sigmas = made.sigmas.tolist()
    return made


def _drawn_down(config: DiffusionConfig, steps: int, spacing: float) -> list[int]:
    """Return timesteps of `ddim`, drawn towards little noise, and no two the same."""
    even, whole = _times(config, "ddim", steps), config.train_steps
    return [
        max(round(((time + 1) / whole) ** spacing * whole) - 1, steps - 1 - place) for place, time in enumerate(even)
    ]


@functools.cache
def _times(config: DiffusionConfig, name: str, steps: int, spacing: float = 1.0) -> tuple[int | float, ...]:
    """Return the timesteps as diffusers wants them, whole numbers but for Euler."""
    return tuple(_scheduler(config, name, steps, spacing).timesteps.tolist())


@functools.cache
def _unipc_shares(config: DiffusionConfig, steps: int) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Return, for each step of UniPC, what it makes as shares of what it is given.

    Given are the prediction, the latents, the corrected latents and the clean ones of the step before, and the clean
    ones of the step before that; made are the next latents, and the corrected and the clean ones of this step. The step
    is linear, and shown unit vectors, diffusers tells the shares; of latents on a GPU it would solve its equations
    there, and wait.
    """
    scheduler, shares = copy.copy(_scheduler(config, "unipc", steps)), []
    predicted, latents, corrected, clean, before = torch.eye(5, dtype=torch.float64)[:, :, None]
    scheduler.set_begin_index(0)
    for timestep in _times(config, "unipc", steps):
        scheduler.last_sample, scheduler.model_outputs = corrected, [before, clean]
        after = scheduler.step(predicted, timestep, latents).prev_sample
        made = (after, scheduler.last_sample, scheduler.model_outputs[-1])
        shares.append(tuple(tuple(each[:, 0].tolist()) for each in made))
    return tuple(shares)


def _mixed(shares: Iterable[float], tensors: Iterable[Tensor]) -> Tensor:
    """Add up shares of tensors; those of steps that were never taken are missing at the end."""
    parts = (share * each for share, each in zip(shares, tensors, strict=False) if share)
    return functools.reduce(torch.add, parts)
