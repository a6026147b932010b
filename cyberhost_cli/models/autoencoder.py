"""Autoencoder: pixels to latents of about unit size, and back."""

import torch
from diffusers.models import AutoencoderKL
from jaxtyping import Float
from torch import Tensor, nn

from cyberhost_cli.config.model import AutoencoderConfig


class Autoencoder(nn.Module):
    """diffusers' `AutoencoderKL`, with the mean and spread of its latents kept beside it."""

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: AutoencoderConfig, latent_channels: int) -> None:
        super().__init__()
        levels = len(config.widths)
        self.kl = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels,
            up_block_types=("UpDecoderBlock2D",) * levels,
            block_out_channels=config.widths,
            layers_per_block=config.layers_per_block,
            latent_channels=latent_channels,
            norm_num_groups=config.norm_groups,
            mid_block_add_attention=config.attention,
        )
        self.register_buffer("latent_mean", torch.zeros(latent_channels))
        self.register_buffer("latent_std", torch.ones(latent_channels))

    def encode(self, pixels: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b c h w"]:
        """Return the mean of the posterior of pixels in -1..1, normalised per channel."""
        mean = self.kl.encode(pixels).latent_dist.mode()
        normal: Tensor = (mean - self.latent_mean[:, None, None]) / self.latent_std[:, None, None]
        return normal

    def decode(self, latents: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 3 H W"]:
        """Return pixels, about -1..1, of normalised latents."""
        pixels: Tensor = self.kl.decode(
            latents * self.latent_std[:, None, None] + self.latent_mean[:, None, None]
        ).sample
        return pixels
