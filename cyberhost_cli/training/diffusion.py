"""The two diffusion stages of the paper: pairs of frames, then clips."""

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from cyberhost_cli.config.schema import Preset
from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.errors import InputError
from cyberhost_cli.models.conditions import Denoised
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.sampling.schedule import training_schedule
from cyberhost_cli.training import noise
from cyberhost_cli.training.batch import Batch, Windows
from cyberhost_cli.training.dataset import Dataset
from cyberhost_cli.training.levels import Levels
from cyberhost_cli.training.losses import diffusion_loss, hand_heatmaps, heatmap_loss, mask_loss
from cyberhost_cli.training.stage import Stage
from cyberhost_cli.training.weighting import weigh

FACE, HANDS, MOUTH = range(3)
"""Order of a batch's masks."""

MEASURED_CLIPS = 256
"""Clips whose hands tell how sharp a typical hand is."""


def diffusion_stage(model: CyberHost, dataset: Dataset, preset: Preset) -> Stage[Batch]:
    """Train `pairs`, all but the motion modules on single frames, or `clips`, all but the autoencoder."""
    batches = windows(model, dataset, preset, range(preset.model.diffusion.train_steps))
    prepare(model, dataset, preset.training)
    return Stage(trained(model, preset.training), batches, DiffusionModule(model, preset.training), nothing)


def prepare(model: CyberHost, dataset: Dataset, training: TrainingConfig) -> None:
    """Let the model know a typical hand if it knows none, and what it is to keep of its activations."""
    model.denoiser.checkpointing = model.reference_net.checkpointing = training.checkpointing
    if not model.hand_clarity_half:
        model.hand_clarity_half.fill_(_median_deviation(dataset))


def trained(model: CyberHost, training: TrainingConfig) -> dict[str, nn.Parameter]:
    """Return what a stage trains, by its name."""
    frozen = {"autoencoder."}
    if training.stage == "pairs":
        frozen.add("motion_modules.")
        if not training.audio:
            frozen |= {"audio_projector.", ".audio_modules."}
            if not model.config.prompt.enabled:
                frozen |= {"transformer_blocks.0.attn2.", "transformer_blocks.0.norm2."}
    return {name: each for name, each in model.named_parameters() if not any(part in name for part in frozen)}


def windows(model: CyberHost, dataset: Dataset, preset: Preset, timesteps: range | tuple[int, ...]) -> Windows:
    """Return what draws the batches; pairs have no motion frames.

    Raises:
        InputError: a clip is shorter than the windows.
    """
    shortest = min(dataset.clips, key=len)
    if len(shortest) < preset.training.frames:
        raise InputError(
            f"clip `{shortest.name}` of `{dataset.folder}` has {len(shortest)} frames, "
            f"the preset trains on windows of {preset.training.frames}",
            "make a dataset of longer clips, or lower training.frames",
        )
    motion = 0 if preset.training.stage == "pairs" else model.config.motion.frames
    size = (preset.picture.height, preset.picture.width)
    config = model.config
    return Windows(dataset, preset.training, motion, config.priors.maps, config.carries_hands, size, timesteps)


class DiffusionModule(nn.Module):
    """The model and its losses: `(1 + alpha M) L` plus those of the masks and the hand heatmaps."""

    alphas: Tensor
    parts: Tensor

    def __init__(self, model: CyberHost, training: TrainingConfig, teacher: nn.Module | None = None) -> None:
        super().__init__()
        self.model = model
        self.teacher = teacher
        self.weights = weights = training.loss
        self.register_buffer("parts", torch.tensor([weights.face, weights.hands, weights.mouth]), persistent=False)
        self.hears = training.stage != "pairs" or training.audio
        self.kind = model.config.diffusion.prediction
        self.register_buffer("alphas", training_schedule(model.config.diffusion).alphas_cumprod, persistent=False)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the loss and its parts, means over the rows."""
        person, window = reference_inputs(batch), self.window_inputs(batch)
        levels, clean = Levels.of(self.alphas[batch.timesteps]), batch.latents.float()
        drawn = noise.normal(batch.seeds, noise.LATENTS, tuple(clean.shape[1:]))
        noisy = levels.mixed(clean, drawn)
        if self.teacher is not None:
            # What is to be predicted from the same noisy latents, which then tells the noise in them.
            clean = self.teacher(noisy, batch.timesteps, person, window)
            drawn = levels.noise_in(noisy, clean)
        target = levels.predicted(self.kind, clean, drawn)
        return self._losses(self._denoise(noisy, batch, person, window), target, levels, batch)

    def window_inputs(self, batch: Batch) -> WindowInputs:
        """Return what the model is told of the window, the motion frames disturbed."""
        motion = batch.motion.float()
        if motion.numel():
            drawn = noise.normal(batch.seeds, noise.MOTION, tuple(motion.shape[1:]))
            motion = motion + batch.disturbance[:, None, None, None, None] * drawn
        return WindowInputs(
            None if batch.drop_audio or not self.hears else batch.speech,
            share(batch.pose),
            # Where no hand was ever seen both are 0, and so is the score.
            batch.deviation / (batch.deviation + self.model.hand_clarity_half).clamp_min(1e-6),
            motion,
            self._carried(batch),
        )

    @torch.no_grad()
    def _carried(self, batch: Batch) -> Float[Tensor, "b f c h w"] | None:
        """Return the latents of the reference with its hands carried along, if the model is shown it."""
        if not batch.carried.numel():
            return None
        latents = self.model.autoencoder.encode(2 * share(batch.carried).flatten(0, 1) - 1)
        return rearrange(latents, "(b f) c h w -> b f c h w", b=len(batch.carried))

    def _denoise(self, noisy: Tensor, batch: Batch, person: ReferenceInputs, window: WindowInputs) -> Denoised:
        """Predict, without the reference where this batch drops it, which guidance needs."""
        model = self.model
        features = model.nobody_features(person) if batch.drop_reference else model.reference_features(person)
        conditions = model.conditions(window, _for_each(features.prompt, window.motion.shape[1]))
        denoised: Denoised = model.denoiser(
            noisy,
            batch.timesteps.float(),
            model.denoiser.clip_context(features),
            model.denoiser.window_context(conditions, len(noisy)),
        )
        return denoised

    def _losses(self, denoised: Denoised, target: Tensor, levels: Levels, batch: Batch) -> dict[str, Tensor]:
        weights, masks = self.weights, batch.masks.float() / 255
        rows, size = weigh(weights, self.kind, levels), (batch.pose.shape[-3], batch.pose.shape[-2])
        diffusion = diffusion_loss(denoised.sample, target, masks, self.parts, rows)
        regions = mask_loss((site.face for site in denoised.sites), masks[:, :, FACE])
        regions = regions + mask_loss((site.hands for site in denoised.sites), masks[:, :, HANDS])
        heatmaps = heatmap_loss(
            self.model.denoiser.heatmaps(denoised),
            hand_heatmaps(batch.hand_keypoints, size, (masks.shape[-2], masks.shape[-1])),
            batch.heatmaps & (batch.timesteps < weights.heatmap_below),
        )
        # How wrong the mouth alone is: what a first look at a run asks.
        mouth = (masks[:, :, MOUTH, None] * (denoised.sample.detach() - target).square()).mean()
        total = diffusion + weights.mask * regions + weights.heatmap * heatmaps
        said = {"diffusion": diffusion, "mask": regions, "heatmap": heatmaps, "mouth": mouth}
        return {"loss": total} | {name: part.detach() for name, part in said.items()}


def reference_inputs(batch: Batch) -> ReferenceInputs:
    """Return the person as the model reads it."""
    return ReferenceInputs(
        batch.reference.float(),
        share(batch.skeleton),
        2 * share(batch.face) - 1,
        2 * share(batch.hands) - 1,
        batch.identity,
        None,
    )


def share(pixels: Tensor) -> Float[Tensor, "*many 3 H W"]:
    """Return pictures as 0..1, channels first."""
    return pixels.movedim(-1, -3).float() / 255


def _for_each(prompt: Float[Tensor, "b t e"] | None, frames: int) -> Float[Tensor, "b m t e"] | None:
    """Return the same tokens for each motion frame."""
    return None if prompt is None else prompt[:, None].expand(-1, frames, -1, -1)


def _median_deviation(dataset: Dataset) -> float:
    """Return the median over the hands that are seen in some clips, 0 where there are none."""
    chosen = np.unique(np.linspace(0, len(dataset.clips) - 1, MEASURED_CLIPS).astype(int)).tolist()
    seen = np.concatenate([each[each > 0] for each in (dataset.clips[index].deviation for index in chosen)])
    return float(np.median(seen)) if len(seen) else 0.0


def nothing() -> None:
    """Measure nothing: all here is learned."""
