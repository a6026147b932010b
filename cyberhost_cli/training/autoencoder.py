"""The stage that trains the autoencoder, on crops around what must survive: mouth, eyes and fingers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.preprocess import regions
from cyberhost_cli.training.dataset import ClipExample
from cyberhost_cli.types import Box, Keypoints

FACES, HANDS = 0.5, 0.25
"""Shares of the crops that lie around a face and around a hand; the rest lies anywhere."""

JITTER = 0.25
"""How far a crop's middle may be from that of the face or hand, in sides of the crop."""

GAIN, OFFSET = 0.15, 0.1
"""Random change of each colour channel, so that other cameras than the renderer's are known too."""

PERMUTED = 0.5
"""Share of the crops whose colour channels change places; without it, one axis of colour is forgotten early."""

MEASURED_FRAMES = 256
"""Frames that the mean and deviation of the latents are measured on."""


@dataclass(frozen=True)
class CropBatch:
    """Crops in -1..1 and the weight of each pixel."""

    pixels: Float[Tensor, "b 3 H W"]
    weights: Float[Tensor, "b 1 H W"]


class AutoencoderStage:
    """Absolute difference of pixels and of their steps, and a little KL, with noise on the latents."""

    def __init__(self, model: CyberHost, clips: Sequence[ClipExample], training: TrainingConfig) -> None:
        self.model = model
        self.clips = clips
        self.training = training
        self.kl = model.autoencoder.kl

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Return the autoencoder's parameters."""
        return {f"autoencoder.{name}": each for name, each in self.model.autoencoder.named_parameters()}

    def batch(self, generator: torch.Generator) -> CropBatch:
        """Draw crops of frames of different clips."""
        random = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        drawn = [self._crop(random) for _ in range(self.training.batch)]
        pixels = torch.from_numpy(np.stack([each for each, _ in drawn])).permute(0, 3, 1, 2)
        return CropBatch(pixels, torch.from_numpy(np.stack([each for _, each in drawn]))[:, None])

    def loss(self, batch: CropBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Return how far the crops are from themselves after a way through noisy latents."""
        weights = self.training.autoencoder
        latents = self.kl.encode(batch.pixels).latent_dist
        sample = latents.mean + latents.std * _noise(latents.mean, generator)
        spread = sample.detach().std(dim=(0, 2, 3), keepdim=True)
        decoded = self.kl.decode(sample + weights.noise * spread * _noise(sample, generator)).sample
        parts = {
            "pixels": (batch.weights * (decoded - batch.pixels).abs()).mean(),
            "edges": weights.edges * _edges(decoded - batch.pixels, batch.weights),
            "kl": weights.kl * latents.kl().mean() / sample[0].numel(),
        }
        total = torch.stack(list(parts.values())).sum()
        return total, {"loss": total.item()} | {name: part.item() for name, part in parts.items()}

    @torch.no_grad()
    def settle(self) -> None:
        """Measure mean and deviation of each latent channel on frames spread over the clips."""
        chosen = np.linspace(0, len(self.clips) - 1, MEASURED_FRAMES).astype(int)
        frames = [self.clips[clip].frames[index % len(self.clips[clip])] for index, clip in enumerate(chosen)]
        device = self.model.autoencoder.latent_mean.device
        latents = torch.cat([self.kl.encode(_to_pixels(each)[None].to(device)).latent_dist.mean for each in frames])
        self.model.autoencoder.latent_mean.copy_(latents.mean(dim=(0, 2, 3)))
        self.model.autoencoder.latent_std.copy_(latents.std(dim=(0, 2, 3)))

    def _crop(self, random: np.random.Generator) -> tuple[Float[np.ndarray, "s s 3"], Float[np.ndarray, "s s"]]:
        clip = self.clips[random.integers(len(self.clips))]
        index = int(random.integers(len(clip)))
        side = self.training.crop
        top, left = _corner(clip.keypoints[index], (clip.frames.shape[1], clip.frames.shape[2]), side, random)
        rows, columns = slice(top, top + side), slice(left, left + side)
        weights = _pixel_weights(clip.masks[index], clip.frames.shape[1] // clip.masks.shape[2], self.training)
        pixels = clip.frames[index, rows, columns].astype(np.float32) / 127.5 - 1
        gain = 1 + random.uniform(-GAIN, GAIN, 3).astype(np.float32)
        pixels = np.clip(pixels * gain + random.uniform(-OFFSET, OFFSET, 3).astype(np.float32), -1, 1)
        if random.random() < PERMUTED:
            pixels = pixels[:, :, random.permutation(3)]
        turned = slice(None, None, int(random.choice([1, -1])))
        return pixels[:, turned], weights[rows, columns][:, turned]


def _corner(keypoints: Keypoints, size: tuple[int, int], side: int, random: np.random.Generator) -> tuple[int, int]:
    """Return top and left of a crop within the frame."""
    limits = np.array(size) - side
    box = _target(keypoints, random)
    if box is None:
        top, left = random.integers(limits + 1)
    else:
        x, y = box.centre
        middle = np.array([y, x]) + random.uniform(-JITTER, JITTER, 2) * side
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


def _pixel_weights(
    masks: UInt8[np.ndarray, "3 h w"], factor: int, training: TrainingConfig
) -> Float[np.ndarray, "H W"]:
    """Return 1 plus the weights of face, hands and mouth where these are."""
    parts = np.array([training.loss.face, training.loss.hands, training.loss.mouth], dtype=np.float32)
    weights = 1 + np.tensordot(parts / 255, masks.astype(np.float32), axes=1)
    return weights.repeat(factor, axis=0).repeat(factor, axis=1)


def _to_pixels(frame: UInt8[np.ndarray, "H W 3"]) -> Float[Tensor, "3 H W"]:
    return torch.from_numpy(frame.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)


def _noise(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=generator).to(like.device)


def _edges(difference: Float[Tensor, "b 3 H W"], weights: Float[Tensor, "b 1 H W"]) -> Float[Tensor, ""]:
    """Return the weighted mean of the steps between neighbours in `difference`."""
    down = (weights[:, :, 1:] * difference.diff(dim=2).abs()).mean()
    right = (weights[:, :, :, 1:] * difference.diff(dim=3).abs()).mean()
    return down + right
