"""Training losses of the paper: weighted diffusion loss, region masks, hand heatmaps."""

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.models.region import RegionOutput


def diffusion_loss(
    predicted: Float[Tensor, "b f c h w"],
    target: Float[Tensor, "b f c h w"],
    masks: Float[Tensor, "b f r h w"],
    weights: tuple[float, ...],
) -> Float[Tensor, ""]:
    """Return the mean of `(1 + sum_r weight_r * M_r) * (predicted - target)²`; the paper has face and hands at 1."""
    emphasis = 1 + torch.einsum("bfrhw,r->bfhw", masks, masks.new_tensor(weights))
    return (emphasis[:, :, None] * (predicted - target).square()).mean()


def mask_loss(outputs: Iterable[RegionOutput | None], mask: Float[Tensor, "b f H W"]) -> Float[Tensor, ""]:
    """Return the cross-entropy of predicted masks against boxes around the region's keypoints, mean over sites."""
    losses = []
    for output in outputs:
        if output is not None:
            _, _, height, width = output.mask_logits.shape
            wanted = functional.adaptive_avg_pool2d(mask.flatten(0, 1)[:, None], (height, width))
            losses.append(functional.binary_cross_entropy_with_logits(output.mask_logits, wanted))
    return torch.stack(losses).mean() if losses else mask.new_zeros(())


def heatmap_loss(
    maps: Iterable[Float[Tensor, "bf k _h _w"]], truth: Float[Tensor, "b f k H W"], rows: Bool[Tensor, "b"]
) -> Float[Tensor, ""]:
    """Return the squared error of hand keypoint heatmaps, mean over sites, for the chosen rows of the batch."""
    chosen = rows.repeat_interleave(truth.shape[1])[:, None, None, None].float()
    losses = []
    for predicted in maps:
        wanted = functional.interpolate(truth.flatten(0, 1), predicted.shape[-2:], mode="bilinear", antialias=True)
        losses.append((chosen * (predicted - wanted).square()).mean())
    return torch.stack(losses).mean() if losses else truth.new_zeros(())
