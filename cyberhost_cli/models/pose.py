"""Pose Encoder: a drawn map to a residual on the latent grid."""

import math
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.models.zero import zero


class PoseEncoder(nn.Module):
    """AnimateAnyone's `PoseGuider`, with its names: convolutions that halve, and a last one that starts at zero."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for before, after in pairwise(channels):
            self.blocks.append(nn.Conv2d(before, before, 3, padding=1))
            self.blocks.append(nn.Conv2d(before, after, 3, padding=1, stride=2))
        for layer in (self.conv_in, *self.blocks):
            # SiLU halves what is small. PyTorch's own beginning leaves little of thin lines, and none learns to follow.
            nn.init.normal_(layer.weight, std=2 / math.sqrt(layer.weight[0].numel()))
            nn.init.zeros_(layer.bias)
        self.conv_out = zero(nn.Conv2d(channels[-1], width, 3, padding=1))

    def forward(self, drawn: Float[Tensor, "b 3 H W"]) -> Float[Tensor, "b c h w"]:
        """Return the residual for a map with pixels in 0..1."""
        hidden = functional.silu(self.conv_in(drawn))
        for block in self.blocks:
            hidden = functional.silu(block(hidden))
        residual: Tensor = self.conv_out(hidden)
        return residual
