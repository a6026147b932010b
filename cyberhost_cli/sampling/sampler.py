"""Sampler: latents of a whole clip, chunk after chunk or all windows together."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from cyberhost_cli.config.running import SamplingConfig
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.sampling import blend, chunks, guidance, schedule, windows
from cyberhost_cli.sampling.chunks import Chunk
from cyberhost_cli.sampling.guidance import Branch
from cyberhost_cli.sampling.noise import Noise

Told = Callable[[int, int], None]
"""Told how many passes of the model are done, and how many there are in all."""
Inputs = Callable[[Int64[np.ndarray, "f"], Float[Tensor, "1 m c h w"]], WindowInputs]
"""Gives what the model is told of any frames and of the motion frames before them."""


class Sampler:
    """What stays the same for a clip: the reference's features, projected once."""

    def __init__(self, model: CyberHost, config: SamplingConfig, reference: ReferenceInputs, noise: Noise) -> None:
        self.model = model
        self.config = config
        self.noise = noise
        self.latents = reference.latents
        with torch.inference_mode():
            self.clips = guidance.clip_contexts(model, reference, config.guidance)

    def run(self, frames: int, inputs: Inputs, told: Told) -> Iterator[Float[Tensor, "_ c h w"]]:
        """Yield the latents of each frame once, finished, in order, some at a time."""
        if self.config.plan == "windows":
            latents = self._together(frames, inputs, told)
            yield from torch.split(latents, self.config.chunk_frames)
        else:
            plan = chunks.plan(frames, self.config.chunk_frames, self.config.overlap)
            yield from blend.join(self._in_turn(plan, inputs, told), plan, frames)

    def first_motion(self) -> Float[Tensor, "1 m c h w"]:
        """Return the motion frames of the first chunk: the reference, repeated."""
        return self.latents[:, None].repeat(1, self.model.config.motion.frames, 1, 1, 1)

    def _in_turn(self, plan: Sequence[Chunk], inputs: Inputs, told: Told) -> Iterator[Float[Tensor, "f c h w"]]:
        """Yield the latents of each chunk, which is told the last frames of the one before.

        Hallo decodes those and encodes them again; here their latents are carried as they are.
        """
        motion = self.first_motion()
        tick = _ticker(len(plan) * self.config.steps, told)
        for chunk in plan:
            latents = self._chunk(chunk, inputs(np.arange(chunk.start, chunk.stop), motion), tick)
            end = chunk.frames - self.config.overlap
            motion = latents[None, end - motion.shape[1] : end]
            yield latents

    @torch.inference_mode()
    def _chunk(self, chunk: Chunk, inputs: WindowInputs, tick: Callable[[], None]) -> Float[Tensor, "f c h w"]:
        guided = guidance.branches(self.model, self.clips, inputs, self.config.guidance)

        def predict(
            _step: int, latents: Float32[Tensor, "1 f c h w"], timestep: Float32[Tensor, "1"]
        ) -> Float32[Tensor, "1 f c h w"]:
            predicted = self._predict(latents, timestep, guided)
            tick()
            return predicted

        return self._denoise(range(chunk.start, chunk.stop), predict)

    @torch.inference_mode()
    def _together(self, frames: int, inputs: Inputs, told: Told) -> Float[Tensor, "f c h w"]:
        """Return the latents of all frames; in each step a frame gets the mean of what its windows predict.

        All of them are held at once, about a gigabyte for a minute of 768x768.
        """
        config = self.config
        plan = windows.plan(frames, config.chunk_frames, config.overlap, config.looped)
        places, counts = torch.from_numpy(plan), torch.from_numpy(np.bincount(plan.flatten(), minlength=frames))
        places, counts = places.to(self.model.device), counts.to(self.model.device)
        tick = _ticker(len(plan) * config.steps, told)
        motion = self.first_motion()

        def predict(
            step: int, latents: Float32[Tensor, "1 f c h w"], timestep: Float32[Tensor, "1"]
        ) -> Float32[Tensor, "1 f c h w"]:
            by, total = step * config.shift, torch.zeros_like(latents)
            for window, place in zip(windows.moved(plan, by, frames), (places + by) % frames, strict=True):
                # Made anew in each step, so that memory holds the conditions of one window alone.
                guided = guidance.branches(self.model, self.clips, inputs(window, motion), config.guidance)
                total.index_add_(1, place, self._predict(latents.index_select(1, place), timestep, guided))
                tick()
            return total / counts.roll(by)[:, None, None, None]

        return self._denoise(range(frames), predict)

    def _predict(
        self, latents: Float32[Tensor, "1 f c h w"], timestep: Float32[Tensor, "1"], guided: tuple[Branch, ...]
    ) -> Float32[Tensor, "1 f c h w"]:
        return guidance.predict(self.model.denoiser, latents.to(self.latents.dtype), timestep, guided).float()

    def _denoise(self, frames: range, predict: schedule.Predict) -> Float[Tensor, "f c h w"]:
        channels, height, width = self.latents.shape[1:]
        first = self.noise(frames, (channels, height, width)).to(self.model.device)
        limit = self.config.noise_limit
        solver = schedule.solver(self.model.config.diffusion, self.config.solver)
        solver.set_timesteps(self.config.steps, device=self.model.device)
        latents = schedule.denoise(solver, first if limit is None else first.clamp(-limit, limit), predict)
        return latents[0].to(self.latents.dtype)


def _ticker(total: int, told: Told) -> Callable[[], None]:
    """Return what is called after each pass of the model."""
    done = itertools.count(1)
    return lambda: told(next(done), total)
