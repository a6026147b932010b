"""Sinusoidal positions and the time embedding."""

import math

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.models.zero import zero


def sinusoid(positions: Float32[Tensor, "n"], width: int) -> Float32[Tensor, "n d"]:
    """Return cosines then sines of falling frequency, as Stable Diffusion embeds its timesteps."""
    half = width // 2
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, device=positions.device) / half)
    angles = positions[:, None] * frequencies
    return torch.cat((angles.cos(), angles.sin()), -1)


def interleaved_sinusoid(length: int, width: int) -> Float[Tensor, "1 n d"]:
    """Return sines and cosines in turn, as AnimateDiff numbers its frames (Vaswani et al., 2017, section 3.5)."""
    positions = torch.arange(length)[:, None]
    frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    table = torch.zeros(1, length, width)
    table[0, :, 0::2] = torch.sin(positions * frequencies)
    table[0, :, 1::2] = torch.cos(positions * frequencies)
    return table


class TimeEmbedding(nn.Module):
    """Timestep to the vector that every residual block receives; names as in diffusers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.linear_1 = nn.Linear(width, 4 * width)
        self.linear_2 = nn.Linear(4 * width, 4 * width)

    def forward(self, timesteps: Float32[Tensor, "b"]) -> Float[Tensor, "b d"]:
        """Return the embedding of timesteps 0..1000."""
        # In float32 until here: bfloat16 knows no 999.
        waves = sinusoid(timesteps, self.width).to(self.linear_1.weight.dtype)
        embedded: Tensor = self.linear_2(functional.silu(self.linear_1(waves)))
        return embedded


class ClarityEmbedding(nn.Module):
    """Hand clarity scores to a residual on the time embedding (paper: human-prior-guided conditions)."""

    def __init__(self, time_width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(2, time_width)
        self.linear_2 = zero(nn.Linear(time_width, time_width))

    def forward(self, clarity: Float[Tensor, "b 2"]) -> Float[Tensor, "b d"]:
        """Return the residual for the scores of the left and the right hand."""
        residual: Tensor = self.linear_2(functional.silu(self.linear_1(clarity)))
        return residual
