"""The naive form of a model: everything is computed again in every step, branch by branch, the Reference Net too.

It is what the engine is measured against, and what its results are checked with.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.running import GuidanceConfig
from cyberhost_cli.pipelines.bench.meter import Meter
from cyberhost_cli.pipelines.bench.subject import SEED, Subject
from cyberhost_cli.pipelines.carried import Carried, ClipInputs, carrying
from cyberhost_cli.pipelines.inputs import reference_inputs
from cyberhost_cli.pipelines.progress import Progress
from cyberhost_cli.sampling import guidance
from cyberhost_cli.sampling.chunks import ChunkPlan
from cyberhost_cli.sampling.noise import frame_noise
from cyberhost_cli.sampling.sampler import Part
from cyberhost_cli.sampling.schedule import Solver
from cyberhost_cli.sampling.windows import WindowPlan


def naive(subject: Subject, _carried: Carried | None, meter: Meter, told: Progress) -> Iterator[Part]:
    """Make the latents of the whole clip, and only then hand them on; there is no telling its parts apart."""
    with meter.part("denoise"), torch.inference_mode():
        latents = _Naive(subject, told).sample()
    yield Part(latents, {})


class _Naive:
    """One run."""

    def __init__(self, subject: Subject, told: Progress) -> None:
        self.model, self.clip, self.sampling = subject.model, subject.clip, subject.preset.sampling
        self.reference = reference_inputs(subject.clip.reference, subject.model)
        self.told = told

    def sample(self) -> Float[Tensor, "f c h w"]:
        """Return the latents of the whole clip."""
        if self.sampling.plan == "windows":
            return self._windows()
        return self._sequential()

    def _sequential(self) -> Float[Tensor, "f c h w"]:
        """Denoise chunk after chunk; each is told the last frames of the one before and fades over from it."""
        config, frames = self.sampling, self.clip.frames
        plan = ChunkPlan(frames, config.chunk_frames, config.overlap)
        motion = self._first_motion()
        done: Tensor | None = None
        for number in range(plan.count):
            chunk = plan.chunk(number)
            # A chunk of its own is a plan of one window.
            within = WindowPlan(chunk.frames, chunk.frames, 0, 0)
            made = self._denoise(range(chunk.start, chunk.stop), within, motion)
            self.told(number + 1, plan.count)
            motion = made[None, config.chunk_frames - config.overlap - motion.shape[1] : chunk.frames - config.overlap]
            done = made if done is None else _faded(done, made, chunk.overlap)
        assert done is not None
        return done[:frames]

    def _windows(self) -> Float[Tensor, "f c h w"]:
        """Denoise all windows of a step, then those of the next."""
        config = self.sampling
        plan = WindowPlan(self.clip.frames, config.chunk_frames, config.overlap, config.shift)
        made = self._denoise(range(plan.padded), plan, self._first_motion())
        self.told(1, 1)
        return made[: self.clip.frames]

    def _denoise(self, frames: range, plan: WindowPlan, motion: Tensor) -> Float[Tensor, "f c h w"]:
        config, latents = self.sampling, self.reference.latents
        noise, limit = self._noise(frames, 0), config.noise_limit
        solver = Solver(self.model.config.diffusion, config.solver, config.steps, config.spacing)
        x = solver.begin(noise if limit is None else noise.clamp(-limit, limit))
        for step, timestep in enumerate(solver.timesteps):
            seen, predicted = solver.scale(x, step), torch.zeros_like(x)
            for number in range(plan.count(step)):
                window = plan.window(step, number)
                taken = slice(window.start, window.stop)
                weights = torch.tensor(plan.weights(window), device=x.device)[:, None, None, None]
                numbers = np.arange(frames[0] + window.start, frames[0] + window.stop)
                predicted[:, taken] += weights * self._predict(seen[:, taken], step, timestep, numbers, motion)
            x = solver.step(predicted, x, partial(self._noise, frames, step + 1))
        return x[0].to(latents.dtype)

    def _first_motion(self) -> Float[Tensor, "1 m c h w"]:
        return self.reference.latents[:, None].repeat(1, self.model.config.motion.frames, 1, 1, 1)

    def _noise(self, frames: range, step: int) -> Tensor:
        channels, height, width = self.reference.latents.shape[1:]
        return frame_noise(SEED, frames, (channels, height, width), step).to(self.reference.latents.device)

    def _predict(self, latents: Tensor, step: int, timestep: float, frames: np.ndarray, motion: Tensor) -> Tensor:
        """Return the guided prediction of a window, with nothing kept from another step."""
        scales = self._scales(step)
        carried = carrying(self.clip, self.model)
        inputs = ClipInputs(self.clip, self.model, self.sampling.hold, carried)(frames, motion)
        clips = guidance.clip_contexts(self.model, self.reference, scales)
        times = torch.full((1,), timestep, device=latents.device)
        branches = guidance.branches(self.model, clips, inputs, scales)
        samples = [
            self.model.denoiser(latents.to(motion.dtype), times, branch.clip, branch.window).sample.float()
            for branch in branches
        ]
        return guidance.combine([branch.weight for branch in branches], samples, scales.limit)

    def _scales(self, step: int) -> GuidanceConfig:
        """Return the scales of a step: 1, which is no guidance, outside the interval."""
        scales = self.sampling.guidance
        first, last = scales.interval
        guided = first <= (step + 0.5) / self.sampling.steps <= last
        return scales if guided else scales.model_copy(update={"reference": 1.0, "audio": 1.0})


def _faded(before: Tensor, after: Tensor, overlap: int) -> Tensor:
    """Lay a chunk behind another, with a linear passage where they share frames."""
    weights = torch.arange(1, overlap + 1, device=after.device)[:, None, None, None] / (overlap + 1)
    shared = before[len(before) - overlap :] * (1 - weights) + after[:overlap] * weights
    return torch.cat((before[: len(before) - overlap], shared, after[overlap:]))
