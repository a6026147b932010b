"""The two diffusion stages of the paper: pairs of frames, then clips."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from diffusers.schedulers import DDPMScheduler
from jaxtyping import Float, Int
from torch import Tensor, nn

from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.models.conditions import Denoised, ReferenceFeatures
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.preprocess import regions
from cyberhost_cli.sampling.schedule import training_schedule
from cyberhost_cli.training.batch import Batch, sample_batch
from cyberhost_cli.training.dataset import ClipExample
from cyberhost_cli.training.latents import Latents
from cyberhost_cli.training.losses import diffusion_loss, heatmap_loss, mask_loss

FACE, HANDS, MOUTH = range(3)
"""Order of a batch's masks."""


class DiffusionStage:
    """`pairs` trains all but the motion modules, on single frames; `clips` all but the autoencoder."""

    def __init__(
        self, model: CyberHost, clips: Sequence[ClipExample], latents: Sequence[Latents], training: TrainingConfig
    ) -> None:
        self.model = model
        self.clips = clips
        self.latents = latents
        self.training = training
        self.schedule = training_schedule(model.config.diffusion)
        if not model.hand_clarity_half:
            model.hand_clarity_half.fill_(_median_deviation(clips))

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Return what this stage trains."""
        return dict(self._parameters())

    def _parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        frozen = {"autoencoder."}
        if self.training.stage == "pairs":
            frozen.add("motion_modules.")
            if not self.training.audio:
                frozen |= {"audio_projector.", ".audio_modules."}
                if not self.model.config.prompt.enabled:
                    frozen |= {"transformer_blocks.0.attn2.", "transformer_blocks.0.norm2."}
        for name, parameter in self.model.named_parameters():
            if not any(part in name for part in frozen):
                yield name, parameter

    def batch(self, generator: torch.Generator) -> Batch:
        """Draw windows of clips; pairs have no motion frames."""
        motion = 0 if self.training.stage == "pairs" else self.model.config.motion.frames
        known = self.model.config.priors.maps
        return sample_batch(self.clips, self.latents, self.training, motion, known, generator)

    def loss(self, batch: Batch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Return `(1 + alpha M) L` plus mask and heatmap losses, at a random timestep for each row."""
        rows, weights = len(batch.latents), self.training.loss
        device = batch.latents.device
        timesteps = self._timesteps(rows, generator).to(device)
        noise = torch.randn(batch.latents.shape, generator=generator).to(device)
        denoised = self._denoise(self.schedule.add_noise(batch.latents, noise, timesteps), timesteps, batch, generator)
        target = _target(self.schedule, batch.latents, noise, timesteps)
        emphasis = (weights.face, weights.hands, weights.mouth)
        diffusion = diffusion_loss(denoised.sample, target, batch.masks, emphasis)
        masks = mask_loss((site.face for site in denoised.sites), batch.masks[:, :, FACE])
        masks = masks + mask_loss((site.hands for site in denoised.sites), batch.masks[:, :, HANDS])
        chosen = torch.rand(rows, generator=generator).to(device) < weights.heatmap_probability
        heatmaps = heatmap_loss(
            self.model.denoiser.heatmaps(denoised),
            _hand_heatmaps(batch).to(device),
            chosen & (timesteps < weights.heatmap_below),
        )
        total = diffusion + weights.mask * masks + weights.heatmap * heatmaps
        # How wrong the mouth alone is: what a first look at a run asks.
        mouth = batch.masks[:, :, MOUTH, None] * (denoised.sample.detach() - target).square()
        parts = {"diffusion": diffusion, "mask": masks, "heatmap": heatmaps, "mouth": mouth.mean()}
        return total, {"loss": total.item()} | {name: part.item() for name, part in parts.items()}

    def _timesteps(self, rows: int, generator: torch.Generator) -> Int[Tensor, "b"]:
        steps = self.schedule.config.num_train_timesteps
        terminal = torch.rand(rows, generator=generator) < self.training.terminal
        return torch.randint(steps, (rows,), generator=generator).masked_fill(terminal, steps - 1)

    def settle(self) -> None:
        """Nothing here is measured."""

    def _denoise(self, noisy: Tensor, timesteps: Tensor, batch: Batch, generator: torch.Generator) -> Denoised:
        """Predict, with the reference or the audio dropped for the whole batch at times (guidance needs it)."""
        drop_reference, drop_audio = (torch.rand(2, generator=generator)).tolist()
        audio = None if drop_audio < self.training.drop_audio or not self._hears() else batch.speech
        inputs = WindowInputs(
            audio,
            batch.pose,
            # Where no hand was ever seen both are 0, and so is the score.
            batch.deviation / (batch.deviation + self.model.hand_clarity_half).clamp_min(1e-6),
            self._disturbed(batch.motion, generator),
        )
        features = self._features(batch, drop_reference < self.training.drop_reference)
        conditions = self.model.conditions(inputs, _for_each(features.prompt, inputs.motion.shape[1]))
        denoised: Denoised = self.model.denoiser(
            noisy,
            timesteps.float(),
            self.model.denoiser.clip_context(features),
            self.model.denoiser.window_context(conditions, noisy.shape[1], len(noisy)),
        )
        return denoised

    def _disturbed(self, motion: Float[Tensor, "b m c h w"], generator: torch.Generator) -> Tensor:
        """Add noise to the motion frames, of another deviation in each row."""
        deviation = self.training.motion_noise * torch.rand(len(motion), 1, 1, 1, 1, generator=generator)
        return motion + (deviation * torch.randn(motion.shape, generator=generator)).to(motion)

    def _hears(self) -> bool:
        return self.training.stage == "clips" or self.training.audio

    def _features(self, batch: Batch, dropped: bool) -> ReferenceFeatures:
        inputs = ReferenceInputs(batch.reference, batch.skeleton, batch.face, batch.hands, batch.identity, None)
        return self.model.nobody_features(inputs) if dropped else self.model.reference_features(inputs)


def _for_each(prompt: Float[Tensor, "b t e"] | None, frames: int) -> Float[Tensor, "b m t e"] | None:
    """Return the same tokens for each motion frame."""
    return None if prompt is None else prompt[:, None].expand(-1, frames, -1, -1)


def _median_deviation(clips: Sequence[ClipExample]) -> float:
    """Return the median over all hands that are seen, 0 where there are none."""
    seen = np.concatenate([clip.deviation[clip.deviation > 0] for clip in clips])
    return float(np.median(seen)) if len(seen) else 0.0


def _target(schedule: DDPMScheduler, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """Return what the model's parametrisation predicts."""
    kind = schedule.config.prediction_type
    if kind == "sample":
        return latents
    target: Tensor = noise if kind == "epsilon" else schedule.get_velocity(latents, noise, timesteps)
    return target


def _hand_heatmaps(batch: Batch) -> Float[Tensor, "b f k h w"]:
    """Draw the truth on the masks' grid."""
    height, width = batch.pose.shape[-2:]
    grid = (batch.masks.shape[-2], batch.masks.shape[-1])
    keypoints = batch.keypoints.cpu().numpy()
    drawn = [[regions.hand_heatmaps(frame, (height, width), grid) for frame in clip] for clip in keypoints]
    return torch.from_numpy(np.array(drawn))
