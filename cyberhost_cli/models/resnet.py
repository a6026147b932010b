"""Convolutions of Stable Diffusion's U-Net: residual block, halving and doubling of the grid."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class ResnetBlock(nn.Module):
    """Two convolutions with the time embedding between them; names as in diffusers."""

    def __init__(self, width_in: int, width: int, time_width: int, norm_groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(norm_groups, width_in)
        self.conv1 = nn.Conv2d(width_in, width, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_width, width)
        self.norm2 = nn.GroupNorm(norm_groups, width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.conv_shortcut = None if width_in == width else nn.Conv2d(width_in, width, 1)

    def forward(self, x: Float[Tensor, "b c h w"], time: Float[Tensor, "b d"]) -> Float[Tensor, "b e h w"]:
        """Return the block's output with the residual."""
        hidden = self.conv1(functional.silu(self.norm1(x)))
        hidden = hidden + self.time_emb_proj(functional.silu(time))[:, :, None, None]
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        residual: Tensor = x if self.conv_shortcut is None else self.conv_shortcut(x)
        return residual + hidden


class Downsample(nn.Module):
    """Halve the grid by a strided convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Return the halved grid."""
        halved: Tensor = self.conv(x)
        return halved


class Upsample(nn.Module):
    """Double the grid by repetition and a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        """Return the doubled grid."""
        doubled: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return doubled
