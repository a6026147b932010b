"""Sampler: latents of a whole clip, chunk after chunk."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.running import SamplingConfig
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.sampling import guidance, noise, schedule
from cyberhost_cli.sampling.chunks import Chunk


class Sampler:
    """What stays the same for a clip: the reference's features, projected once."""

    def __init__(self, model: CyberHost, config: SamplingConfig, reference: ReferenceInputs, seed: int) -> None:
        self.model = model
        self.config = config
        self.seed = seed
        self.latents = reference.latents
        with torch.inference_mode():
            self.clips = guidance.clip_contexts(model.denoiser, model.reference_features(reference), config.guidance)

    def first_motion(self) -> Float[Tensor, "1 m c h w"]:
        """Return the motion frames of the first chunk: the reference, repeated."""
        return self.latents[:, None].repeat(1, self.model.config.motion.frames, 1, 1, 1)

    @torch.inference_mode()
    def sample(self, chunk: Chunk, inputs: WindowInputs) -> Float[Tensor, "f c h w"]:
        """Return the denoised latents of one chunk."""
        conditions = self.model.conditions(inputs)
        guided = guidance.branches(self.model.denoiser, self.clips, conditions, chunk.frames, self.config.guidance)
        return self._denoise(chunk, guided)

    def _denoise(self, chunk: Chunk, guided: tuple[guidance.Branch, ...]) -> Float[Tensor, "f c h w"]:
        solver = schedule.solver(self.model.config.diffusion, self.config.solver)
        solver.set_timesteps(self.config.steps, device=self.model.device)
        channels, height, width = self.latents.shape[1:]
        latents = noise.frame_noise(self.seed, range(chunk.start, chunk.stop), (channels, height, width))
        latents = latents.to(self.latents) * solver.init_noise_sigma
        for timestep in solver.timesteps:
            scaled = solver.scale_model_input(latents, timestep)
            predicted = guidance.predict(
                self.model.denoiser, scaled, timestep.to(latents.device, torch.float32)[None], guided
            )
            latents = solver.step(predicted, timestep, latents).prev_sample
        return latents[0]

    def run(
        self, plan: Sequence[Chunk], window: Callable[[Chunk, Float[Tensor, "1 m c h w"]], WindowInputs]
    ) -> Iterator[Float[Tensor, "f c h w"]]:
        """Yield the latents of each chunk; `window` gives its inputs, told the motion frames before it."""
        motion = self.first_motion()
        for chunk in plan:
            latents = self.sample(chunk, window(chunk, motion))
            end = chunk.frames - self.config.overlap
            motion = latents[None, end - motion.shape[1] : end]
            yield latents
