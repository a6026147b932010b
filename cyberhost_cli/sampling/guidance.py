"""Classifier-free guidance with scales for the reference and for the audio."""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.running import GuidanceConfig
from cyberhost_cli.models.conditions import ClipContext, Conditions, ReferenceFeatures, WindowContext
from cyberhost_cli.models.denoiser import DenoisingUNet


@dataclass(frozen=True)
class Branch:
    """One prediction of a guided step and its weight in the sum; the weights of all branches add up to one."""

    weight: float
    clip: ClipContext
    window: WindowContext


def clip_contexts(
    denoiser: DenoisingUNet, features: ReferenceFeatures, scales: GuidanceConfig
) -> tuple[ClipContext, ClipContext | None]:
    """Project a clip's keys, once, with the reference and, where guidance asks for it, without."""
    return denoiser.clip_context(features), None if scales.reference == 1 else denoiser.clip_context(None)


def branches(
    denoiser: DenoisingUNet,
    clips: tuple[ClipContext, ClipContext | None],
    conditions: Conditions,
    frames: int,
    scales: GuidanceConfig,
) -> tuple[Branch, ...]:
    """List what a step predicts: `none + s_reference * (silent - none) + s_audio * (full - silent)`."""
    with_reference, without = clips
    full = denoiser.window_context(conditions, frames, 1)
    if scales.audio == 1 and without is None:
        return (Branch(1.0, with_reference, full),)
    silent = denoiser.window_context(replace(conditions, audio=None), frames, 1)
    if without is None:
        return Branch(scales.audio, with_reference, full), Branch(1 - scales.audio, with_reference, silent)
    return (
        Branch(scales.audio, with_reference, full),
        Branch(scales.reference - scales.audio, with_reference, silent),
        Branch(1 - scales.reference, without, silent),
    )


def predict(
    denoiser: DenoisingUNet,
    latents: Float[Tensor, "1 f c h w"],
    timestep: Float[Tensor, "1"],
    guided: tuple[Branch, ...],
) -> Float[Tensor, "1 f c h w"]:
    """Return the guided prediction."""
    predictions = (branch.weight * denoiser(latents, timestep, branch.clip, branch.window).sample for branch in guided)
    total = next(predictions)
    for prediction in predictions:
        total = total + prediction
    return total
