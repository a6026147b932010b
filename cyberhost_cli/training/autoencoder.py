"""The stage that trains the autoencoder, on crops around what must survive: mouth, eyes and fingers."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, UInt8
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.config.schema import Preset
from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.preprocess import regions
from cyberhost_cli.training import noise
from cyberhost_cli.training.dataset import ClipExample, Dataset
from cyberhost_cli.training.diffusion import share
from cyberhost_cli.training.losses import emphasis
from cyberhost_cli.training.stage import Stage
from cyberhost_cli.types import Box, Frames, Keypoints

FILMS, SHARED = 4, 24
"""Clips in a batch at least, and rows that may share one: decoding its film takes longer than all else."""

FACES, HANDS = 0.5, 0.25
"""Shares of the crops that lie around a face and around a hand; the rest lies anywhere."""

JITTER = 0.25
"""How far a crop's middle may be from that of the face or hand, in sides of the crop."""

GAIN, OFFSET = 0.15, 0.1
"""Random change of each colour channel, so that other cameras than the renderer's are known too."""

PERMUTED = 0.5
"""Share of the crops whose colour channels change places; without it, one axis of colour is forgotten early."""

MEASURED_CLIPS, MEASURED_FRAMES = 32, 8
"""Clips, and frames of each, that the mean and deviation of the latents are measured on."""


@dataclass(frozen=True)
class CropBatch:
    """Crops as they are filmed, how their colours are to be changed, and what matters in them."""

    seeds: Int64[Tensor, "b"]
    """Of the noise."""
    pixels: UInt8[Tensor, "b H W 3"]
    channels: Int64[Tensor, "b 3"]
    """Which colour channel stands in the place of each."""
    gain: Float32[Tensor, "b 3"]
    offset: Float32[Tensor, "b 3"]
    masks: UInt8[Tensor, "b 3 h w"]
    """Face, hands, mouth: shares of the cells, 0..255."""


def autoencoder_stage(model: CyberHost, dataset: Dataset, preset: Preset) -> Stage[CropBatch]:
    """Train the autoencoder alone, and measure its latents."""
    parameters = {name: each for name, each in model.named_parameters() if name.startswith("autoencoder.")}
    batches = Crops(dataset, preset.training, preset.model.autoencoder.factor)
    return Stage(parameters, batches, AutoencoderModule(model, preset.training), Measurement(model, dataset))


@dataclass(frozen=True)
class Crops:
    """Draws crops of the clips' frames; they begin and end between cells of the latent grid."""

    dataset: Dataset
    training: TrainingConfig
    factor: int
    """Pixels per cell, along one side."""

    def __call__(self, step: int, rows: range) -> CropBatch:
        """Draw some rows of the batch of a step."""
        drawn: list[dict[str, Any]] = []
        for index, members in groupby(rows, lambda row: self.clip(step, row)):
            clip = self.dataset.clips[index]
            film = clip.film()
            drawn += [self._crop(clip, film, step, row) for row in members]
        return CropBatch(**{name: torch.from_numpy(np.stack([row[name] for row in drawn])) for name in drawn[0]})

    def clip(self, step: int, row: int) -> int:
        """Return the number of the clip that a row lies in, as those beside it."""
        batch = self.training.batch
        films = min(batch, max(FILMS, -(-batch // SHARED)))
        return self.dataset.index(step, row * films // batch, films)

    def _crop(self, clip: ClipExample, film: Frames, step: int, row: int) -> dict[str, Any]:
        random = np.random.default_rng([self.training.seed, step, row])
        index = int(random.integers(len(film)))
        grid, side = clip.masks.shape[2:], self.training.crop // self.factor
        top, left = _corner(clip.keypoints[index], grid, side, self.factor, random)
        cells = (slice(top, top + side), slice(left, left + side))
        pixels = tuple(slice(self.factor * each.start, self.factor * each.stop) for each in cells)
        turned = slice(None, None, int(random.choice([1, -1])))
        return {
            "seeds": random.integers(2**62),
            "pixels": film[index][pixels][:, turned],
            "channels": random.permutation(3) if random.random() < PERMUTED else np.arange(3),
            "gain": 1 + random.uniform(-GAIN, GAIN, 3).astype(np.float32),
            "offset": random.uniform(-OFFSET, OFFSET, 3).astype(np.float32),
            "masks": clip.masks[index][:, cells[0], cells[1]][:, :, turned],
        }


class AutoencoderModule(nn.Module):
    """Absolute difference of pixels and of their steps, and a little KL, with noise on the latents."""

    parts: Tensor

    def __init__(self, model: CyberHost, training: TrainingConfig) -> None:
        super().__init__()
        self.model = model
        self.config = training.autoencoder
        weights = training.loss
        self.register_buffer("parts", torch.tensor([weights.face, weights.hands, weights.mouth]), persistent=False)

    def forward(self, batch: CropBatch) -> dict[str, Tensor]:
        """Return how far the crops are from themselves after a way through noisy latents."""
        kl, pixels = self.model.autoencoder.kl, _coloured(batch)
        posterior = kl.encode(pixels).latent_dist
        mean, variance = posterior.mean.float(), posterior.logvar.float().exp()
        shape = tuple(mean.shape[1:])
        sample = mean + variance.sqrt() * noise.normal(batch.seeds, noise.POSTERIOR, shape)
        # Of each crop by itself: what a row learns must not depend on those beside it.
        spread = sample.detach().std(dim=(2, 3), keepdim=True)
        disturbed = sample + self.config.noise * spread * noise.normal(batch.seeds, noise.DECODED, shape)
        difference = kl.decode(disturbed).sample.float() - pixels
        weights = emphasis(batch.masks.float() / 255, self.parts)[:, None]
        weights = functional.interpolate(weights, difference.shape[-2:], mode="nearest")
        parts = {
            "pixels": (weights * difference.abs()).mean(),
            "edges": self.config.edges * _edges(difference, weights),
            "kl": self.config.kl * (mean.square() + variance - 1 - variance.log()).mean() / 2,
        }
        total = torch.stack(list(parts.values())).sum()
        return {"loss": total} | {name: part.detach() for name, part in parts.items()}


class Measurement:
    """Brings the mean and deviation of each latent channel up to date, on frames spread over the clips."""

    def __init__(self, model: CyberHost, dataset: Dataset) -> None:
        self.autoencoder = model.autoencoder
        self.dataset = dataset
        self._films: list[Frames] = []

    @torch.no_grad()
    def __call__(self) -> None:
        """Measure with the weights as they are."""
        if not self._films:
            self._films = [_some(self.dataset.clips[index].film()) for index in self._chosen()]
        device = self.autoencoder.latent_mean.device
        pixels = (2 * share(torch.from_numpy(film).to(device)) - 1 for film in self._films)
        latents = torch.cat([self.autoencoder.kl.encode(each).latent_dist.mean for each in pixels])
        self.autoencoder.latent_mean.copy_(latents.mean(dim=(0, 2, 3)))
        self.autoencoder.latent_std.copy_(latents.std(dim=(0, 2, 3)))

    def _chosen(self) -> list[int]:
        clips = len(self.dataset.clips)
        return [int(index) for index in np.unique(np.linspace(0, clips - 1, MEASURED_CLIPS).astype(int))]


def _some(film: Frames) -> UInt8[np.ndarray, "n H W 3"]:
    """Return frames spread over a film."""
    return film[np.linspace(0, len(film) - 1, MEASURED_FRAMES).astype(int)]


def _corner(
    keypoints: Keypoints, grid: tuple[int, ...], side: int, factor: int, random: np.random.Generator
) -> tuple[int, int]:
    """Return the first row and column of cells of a crop within the frame."""
    limits = np.array(grid) - side
    box = _target(keypoints, random)
    if box is None:
        top, left = random.integers(limits + 1)
    else:
        x, y = box.centre
        middle = np.array([y, x]) / factor + random.uniform(-JITTER, JITTER, 2) * side
        top, left = np.clip(np.rint(middle - side / 2), 0, limits)
    return int(top), int(left)


def _target(keypoints: Keypoints, random: np.random.Generator) -> Box | None:
    """Choose what the crop lies around; None if anywhere will do."""
    chance = random.random()
    if chance < FACES:
        return regions.face_box(keypoints)
    if chance < FACES + HANDS:
        return regions.hand_boxes(keypoints)[random.integers(2)]
    return None


def _coloured(batch: CropBatch) -> Float[Tensor, "b 3 H W"]:
    """Return the crops in -1..1, with other colours."""
    pixels = 2 * share(batch.pixels) - 1
    mixed = pixels.gather(1, batch.channels[:, :, None, None].expand_as(pixels))
    return (mixed * batch.gain[:, :, None, None] + batch.offset[:, :, None, None]).clamp(-1, 1)


def _edges(difference: Float[Tensor, "b 3 H W"], weights: Float[Tensor, "b 1 H W"]) -> Float[Tensor, ""]:
    """Return the weighted mean of the steps between neighbours in `difference`."""
    down = (weights[:, :, 1:] * difference.diff(dim=2).abs()).mean()
    right = (weights[:, :, :, 1:] * difference.diff(dim=3).abs()).mean()
    return down + right
