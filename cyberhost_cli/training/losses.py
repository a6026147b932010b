"""Training losses of the paper: weighted diffusion loss, region masks, hand heatmaps; all are means over the rows."""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.models.region import RegionOutput
from cyberhost_cli.preprocess.regions import HEATMAP_SIGMA

Size = tuple[int, int]
"""Rows and columns."""


def diffusion_loss(
    predicted: Float[Tensor, "b f c h w"],
    target: Float[Tensor, "b f c h w"],
    masks: Float[Tensor, "b f r h w"],
    parts: Float[Tensor, "r"],
    rows: Float[Tensor, "b"],
) -> Float[Tensor, ""]:
    """Return the mean of `row * (1 + sum_r part_r * M_r) * (predicted - target)²`; the paper has face and hands at 1.

    `rows` are the weights of the rows' timesteps.
    """
    error = (predicted.float() - target).square().mean(dim=2)
    return (rows * (emphasis(masks, parts) * error).mean(dim=(1, 2, 3))).mean()


def emphasis(masks: Float[Tensor, "*many r h w"], parts: Float[Tensor, "r"]) -> Float[Tensor, "*many h w"]:
    """Return 1 plus the weights of the parts where these are."""
    return 1 + (parts[:, None, None] * masks).sum(dim=-3)


def mask_loss(outputs: Iterable[RegionOutput | None], mask: Float[Tensor, "b f H W"]) -> Float[Tensor, ""]:
    """Return the cross-entropy of predicted masks against boxes around the region's keypoints, mean over sites."""
    wanted: dict[Size, Tensor] = {}
    losses = []
    for output in outputs:
        if output is not None:
            size = _grid(output.mask_logits)
            if size not in wanted:
                wanted[size] = functional.adaptive_avg_pool2d(mask.flatten(0, 1)[:, None], size)
            losses.append(functional.binary_cross_entropy_with_logits(output.mask_logits.float(), wanted[size]))
    return torch.stack(losses).mean() if losses else mask.new_zeros(())


def heatmap_loss(
    maps: Iterable[Float[Tensor, "bf k _h _w"]], truth: Float[Tensor, "b f k H W"], rows: Bool[Tensor, "b"]
) -> Float[Tensor, ""]:
    """Return the squared error of hand keypoint heatmaps, mean over sites; rows that are not chosen have none."""
    chosen = rows.repeat_interleave(truth.shape[1])[:, None, None, None]
    wanted: dict[Size, Tensor] = {}
    losses = []
    for predicted in maps:
        size = _grid(predicted)
        if size not in wanted:
            wanted[size] = functional.interpolate(truth.flatten(0, 1), size, mode="bilinear", antialias=True)
        losses.append((chosen * (predicted.float() - wanted[size]).square()).mean())
    return torch.stack(losses).mean() if losses else truth.new_zeros(())


def hand_heatmaps(hands: Float[Tensor, "b f k 3"], size: Size, grid: Size) -> Float[Tensor, "b f k h w"]:
    """Return one gaussian per hand point, on the device, as `preprocess.regions.hand_heatmaps` draws them.

    The `grid` (rows, columns) lies over pictures of `size` (height, width).
    """
    sigma = max(0.75, HEATMAP_SIGMA * grid[0])
    rows = _bell(hands[..., 1] * (grid[0] / size[0]), grid[0], sigma)
    columns = _bell(hands[..., 0] * (grid[1] / size[1]), grid[1], sigma) * (hands[..., 2:] > 0)
    return rows[..., :, None] * columns[..., None, :]


def _grid(maps: Float[Tensor, "*many h w"]) -> Size:
    height, width = maps.shape[-2:]
    return height, width


def _bell(centres: Float[Tensor, "b f k"], cells: int, sigma: float) -> Float[Tensor, "b f k n"]:
    """Return one gaussian per centre, taken at the middles of the cells."""
    middles = torch.arange(cells, device=centres.device) + 0.5
    return torch.exp((middles - centres[..., None]).square() / (-2 * sigma**2))
