"""The two small networks that read pictures of actors: where points are, and how far a mouth is open."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND

NOSE, EYES, SHOULDERS, ELBOWS = 0, (1, 2), (5, 6), (7, 8)
CHIN, CORNERS = FACE.start + 8, (FACE.start + 48, FACE.start + 54)
"""Of the mouth, the person's right one first."""
POINTS = (NOSE, *EYES, *SHOULDERS, *ELBOWS, CHIN, *CORNERS, *range(LEFT_HAND.start, RIGHT_HAND.stop))
"""Which of the 133 are read, in the order of the maps."""
SIDE, GRID, PATCH = 256, 64, 48
"""Side of the picture that is looked at, of the maps, and of the piece around the mouth."""
PATCH_SIZE = 1.5
"""Side of that piece in distances from the middle of the eyes to the middle of the mouth's corners."""
OPENING = 0.05
"""The mouth's opening in heights of the face for which its network says 1."""
_WIDTHS = (24, 40, 56, 80)


class PointNet(nn.Module):
    """A U-Net that draws one map for each point."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_Layer(3, 16, 2), _Layer(16, _WIDTHS[0], 2))
        self.down = nn.ModuleList(_Layer(*pair, 2) for pair in pairwise(_WIDTHS))
        self.levels = nn.ModuleList(_Residual(width) for width in _WIDTHS)
        self.bottom = _Residual(_WIDTHS[-1])
        self.up = nn.ModuleList(nn.Conv2d(*pair, 1) for pair in zip(_WIDTHS[1:], _WIDTHS[:-1], strict=True))
        self.joined = nn.ModuleList(_Residual(width) for width in _WIDTHS[:-1])
        self.head = nn.Sequential(_Layer(_WIDTHS[0], 48, 1), nn.Conv2d(48, len(POINTS), 1))

    def forward(self, pictures: Float[Tensor, "b 3 256 256"]) -> Float[Tensor, "b k 64 64"]:
        """Return the logits of where each point is, for pictures in -1..1."""
        hidden = self.levels[0](self.stem(pictures))
        passed = []
        for down, level in zip(self.down, list(self.levels)[1:], strict=True):
            passed.append(hidden)
            hidden = level(down(hidden))
        hidden = self.bottom(hidden)
        for up, joined, beside in reversed(list(zip(self.up, self.joined, passed, strict=True))):
            hidden = joined(beside + functional.interpolate(up(hidden), scale_factor=2.0, mode="bilinear"))
        logits: Tensor = self.head(hidden)
        return logits


class MouthNet(nn.Module):
    """Looks at the piece around a mouth."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _Layer(3, 16, 1), _Layer(16, 32, 2), _Residual(32), _Layer(32, 48, 2), _Residual(48), _Layer(48, 48, 2)
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(48 * 36, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, patches: Float[Tensor, "b 3 48 48"]) -> Float[Tensor, "b"]:
        """Return the opening in units of `OPENING`, for patches in -1..1."""
        opening: Tensor = self.head(self.layers(patches))
        return opening[:, 0]


class _Layer(nn.Module):
    """A convolution that is normed and bent."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride, 1)
        self.norm = nn.GroupNorm(8, outputs)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b _d _h _w"]:
        return functional.silu(self.norm(self.convolution(x)))


class _Residual(nn.Module):
    """Two layers beside what they change."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_Layer(width, width, 1), _Layer(width, width, 1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        changed: Tensor = x + self.layers(x)
        return changed


def find(logits: Float[Tensor, "b k h w"]) -> Float[Tensor, "b k 3"]:
    """Return x, y in pixels of the picture and the confidence: the middle of what is around the highest place."""
    rows = torch.arange(GRID, device=logits.device)
    likely = logits.sigmoid()
    best = likely.flatten(2).max(dim=2)
    y, x = best.indices // GRID, best.indices % GRID
    near_y = ((rows - y[..., None]).abs() <= 2).to(likely)
    near_x = ((rows - x[..., None]).abs() <= 2).to(likely)
    around = likely * near_y[..., :, None] * near_x[..., None, :]
    middles, total = (rows + 0.5) * (SIDE / GRID), around.sum(dim=(2, 3))
    places = (around.sum(2) @ middles / total, around.sum(3) @ middles / total, best.values)
    return torch.stack(places, dim=2)


def cut_mouths(
    pictures: Float[Tensor, "b 3 H W"], centres: Float[Tensor, "b 2"], sides: Float[Tensor, "b"]
) -> Float[Tensor, "b 3 48 48"]:
    """Cut squares of some `sides` about some `centres`, both in pixels."""
    size = pictures.shape[-1]
    steps = (torch.arange(PATCH, device=pictures.device) + 0.5) / PATCH - 0.5
    x = (centres[:, :1] + steps * sides[:, None]) * (2 / size) - 1
    y = (centres[:, 1:] + steps * sides[:, None]) * (2 / size) - 1
    grid = torch.stack([x[:, None, :].expand(-1, PATCH, -1), y[:, :, None].expand(-1, -1, PATCH)], dim=-1)
    return functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
