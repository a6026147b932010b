"""Identity descriptors: tokens of the face crop and of the hand crops."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.config.model import RegionConfig


class BasicBlock(nn.Module):
    """Residual block of ResNet-18 (He et al., 2015), with group norm, which does not depend on the batch."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.norm1 = nn.GroupNorm(8, width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.GroupNorm(8, width)
        self.shortcut = nn.Conv2d(width_in, width, 1, stride, bias=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b e h2 w2"]:
        """Return the block's output."""
        hidden = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(hidden)) + self.shortcut(x))


class CropEncoder(nn.Module):
    """ResNet-18 type encoder of a crop (paper, secondary: so for hands)."""

    def __init__(self, config: RegionConfig) -> None:
        super().__init__()
        widths = config.identity_widths
        self.side = round(config.identity_tokens**0.5)
        if self.side**2 != config.identity_tokens:
            raise ValueError(f"identity_tokens {config.identity_tokens} is not a square")
        self.stem = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(BasicBlock(before, after, 2), BasicBlock(after, after, 1))
                for before, after in zip((widths[0], *widths[:-1]), widths, strict=True)
            )
        )
        self.project = nn.Linear(widths[-1], config.identity_width)
        self.norm = nn.LayerNorm(config.identity_width)

    def forward(self, crop: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b t d"]:
        """Return the tokens of crops with pixels in -1..1."""
        features = self.stages(functional.relu(self.stem(crop)))
        pooled = functional.adaptive_avg_pool2d(features, self.side).flatten(2).transpose(1, 2)
        tokens: Tensor = self.norm(self.project(pooled))
        return tokens
