"""Classifier-free guidance with scales for the reference and for the audio."""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.running import GuidanceConfig
from cyberhost_cli.models.conditions import ClipContext, ReferenceFeatures, WindowContext
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.models.denoiser import DenoisingUNet
from cyberhost_cli.models.prompt import take_turns


@dataclass(frozen=True)
class Side:
    """One side of guidance, with the reference or without, as far as it stays the same for a clip."""

    row: int
    """0 without the reference, 1 with it."""
    context: ClipContext
    prompt: Float[Tensor, "b t e"] | None


@dataclass(frozen=True)
class ClipContexts:
    """Both sides of a clip; without one that departs from nobody where guidance does not ask for it."""

    person: Side
    nobody: Side | None


@dataclass(frozen=True)
class Branch:
    """One prediction of a guided step and its weight in the sum; the weights of all branches add up to one."""

    weight: float
    clip: ClipContext
    window: WindowContext


def clip_contexts(model: CyberHost, reference: ReferenceInputs, scales: GuidanceConfig) -> ClipContexts:
    """Project a clip's keys, once, with the reference and, where guidance asks for it, without."""
    nobody = None if scales.reference == 1 else model.nobody_features(reference)
    person = _side(model, 1, model.reference_features(reference, nobody))
    return ClipContexts(person, None if nobody is None else _side(model, 0, nobody))


def _side(model: CyberHost, row: int, features: ReferenceFeatures) -> Side:
    return Side(row, model.denoiser.clip_context(features), features.prompt)


def branches(model: CyberHost, clips: ClipContexts, inputs: WindowInputs, scales: GuidanceConfig) -> tuple[Branch, ...]:
    """List what a step predicts: `none + s_reference * (silent - none) + s_audio * (full - silent)`.

    Where a scale is 1, or both are the same, a term vanishes and is not predicted.
    """
    person, nobody, shown = clips.person, clips.nobody, inputs.motion.shape[1]
    conditions = model.conditions(inputs, _motion_prompt(model, clips, person, shown))
    full = model.denoiser.window_context(conditions, inputs.clarity.shape[1], len(inputs.clarity))
    silent = full.silent()
    reference = 1.0 if nobody is None else scales.reference
    audio = scales.audio if model.config.audio.enabled else reference
    planned = [Branch(audio, person.context, full), Branch(reference - audio, person.context, silent)]
    if nobody is not None:
        alone = silent if scales.keep_map else replace(silent, pose=None)
        prompt = _motion_prompt(model, clips, nobody, shown)
        # Without a prompt motion frames are the same to both sides.
        motion = None if prompt is None else model.motion_features(inputs.motion, prompt)
        planned.append(Branch(1 - reference, nobody.context, alone if motion is None else alone.after(motion)))
    return tuple(branch for branch in planned if branch.weight)


def _motion_prompt(model: CyberHost, clips: ClipContexts, side: Side, frames: int) -> Float[Tensor, "b m t e"] | None:
    """Return the tokens that the motion frames get on one side."""
    person, nobody = clips.person.prompt, None if clips.nobody is None else clips.nobody.prompt
    if side.prompt is None or frames == 0:
        return None
    if person is None or nobody is None or not model.config.prompt.tiled:
        return side.prompt[:, None].expand(-1, frames, -1, -1)
    # The first picture is the reference itself.
    return take_turns(person, nobody, frames + 1, side.row)[:, 1:]


def predict(
    denoiser: DenoisingUNet,
    latents: Float[Tensor, "b f c h w"],
    timestep: Float[Tensor, "b"],
    guided: tuple[Branch, ...],
) -> Float[Tensor, "b f c h w"]:
    """Return the guided prediction."""
    predictions = (branch.weight * denoiser(latents, timestep, branch.clip, branch.window).sample for branch in guided)
    total = next(predictions)
    for prediction in predictions:
        total = total + prediction
    return total
