"""Classifier-free guidance with scales for the reference and for the audio."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from cyberhost_cli.config.running import GuidanceConfig
from cyberhost_cli.models.conditions import ClipContext, ReferenceFeatures, WindowContext
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.models.denoiser import Deep, DenoisingUNet
from cyberhost_cli.models.prompt import take_turns


@dataclass(frozen=True)
class Term:
    """One prediction of a step and its weight in the sum; the weights of all terms add up to one."""

    name: str
    """`full`, `silent` with the reference alone, or `nobody` without both."""
    weight: float


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
    """A term's weight and what the denoiser is told for it."""

    weight: float
    clip: ClipContext
    window: WindowContext


GuidedWindow = Mapping[str, tuple[ClipContext, WindowContext]]
"""What the denoiser is told of a window, projected once, by the names of the terms."""


def terms(scales: GuidanceConfig, *, hears: bool) -> tuple[Term, ...]:
    """List what a guided step predicts: `nobody + reference * (silent - nobody) + audio * (full - silent)`.

    Where a scale is 1, or both are the same, a term vanishes and is not predicted.
    """
    reference = scales.reference
    audio = scales.audio if hears else reference
    planned = Term("full", audio), Term("silent", reference - audio), Term("nobody", 1 - reference)
    return tuple(term for term in planned if term.weight)


def clip_contexts(model: CyberHost, reference: ReferenceInputs, scales: GuidanceConfig) -> ClipContexts:
    """Project a clip's keys, once, with the reference and, where guidance asks for it, without."""
    nobody = None if scales.reference == 1 else model.nobody_features(reference)
    person = _side(model, 1, model.reference_features(reference, nobody))
    return ClipContexts(person, None if nobody is None else _side(model, 0, nobody))


def _side(model: CyberHost, row: int, features: ReferenceFeatures) -> Side:
    return Side(row, model.denoiser.clip_context(features), features.prompt)


def branches(model: CyberHost, clips: ClipContexts, inputs: WindowInputs, scales: GuidanceConfig) -> tuple[Branch, ...]:
    """List what each term of a guided step is told of a window."""
    told = _window(model, clips, inputs, keep_map=scales.keep_map)
    planned = terms(scales, hears=model.config.audio.enabled)
    return tuple(Branch(term.weight, *told[term.name]) for term in planned)


def _window(model: CyberHost, clips: ClipContexts, inputs: WindowInputs, *, keep_map: bool) -> GuidedWindow:
    person, nobody = clips.person, clips.nobody
    conditions = model.conditions(inputs, _motion_prompt(model, clips, person, inputs))
    full = model.denoiser.window_context(conditions, len(inputs.clarity))
    silent = full.silent()
    told = {"full": (person.context, full), "silent": (person.context, silent)}
    if nobody is not None:
        alone = silent if keep_map else replace(silent, pose=None)
        prompt = _motion_prompt(model, clips, nobody, inputs)
        # Without a prompt motion frames are the same to both sides.
        motion = None if prompt is None else model.motion_features(inputs.motion, prompt)
        told["nobody"] = nobody.context, alone if motion is None else alone.after(motion)
    return told


def _motion_prompt(
    model: CyberHost, clips: ClipContexts, side: Side, inputs: WindowInputs
) -> Float[Tensor, "b m t e"] | None:
    """Return the tokens that the motion frames get on one side."""
    person, nobody = clips.person.prompt, None if clips.nobody is None else clips.nobody.prompt
    batch, frames = inputs.motion.shape[:2]
    if side.prompt is None or frames == 0:
        return None
    if person is None or nobody is None or not model.config.prompt.tiled:
        return side.prompt[:, None].expand(batch, frames, -1, -1)
    # The first picture is the reference itself.
    return take_turns(person, nobody, frames + 1, side.row)[:, 1:].expand(batch, -1, -1, -1)


def predict(
    denoiser: DenoisingUNet,
    latents: Float[Tensor, "b f c h w"],
    timestep: Float[Tensor, "b"],
    guided: tuple[Branch, ...],
    limit: float | None,
) -> Float[Tensor, "b f c h w"]:
    """Return the guided prediction, all branches in one pass."""
    contexts = [(branch.clip, branch.window) for branch in guided]
    samples, _ = denoiser.predict(latents, denoiser.time_embedding(timestep), contexts)
    return combine([branch.weight for branch in guided], samples, limit)


def combine(
    weights: Sequence[float], samples: Sequence[Float[Tensor, "b f c h w"]], limit: float | None
) -> Float[Tensor, "b f c h w"]:
    """Return the weighted sum of what the terms of a step predict, at most `limit` away from the first of them.

    The distance is that of a cell's channels: a mouth is a few cells, and what is led too far there is saturated while
    all others need the whole way. APG (Sadat et al., 2024) limits that of the whole picture.
    """
    total = reduce(operator.add, (weight * sample for weight, sample in zip(weights, samples, strict=True)))
    if limit is None or len(samples) == 1:
        return total
    way = total - samples[0]
    length = way.norm(dim=-3, keepdim=True)
    return samples[0] + way * (limit / length.clamp_min(limit))


class Guidance:
    """What stays the same for a clip: the plan of its steps, and the keys of its reference, projected once."""

    def __init__(
        self,
        model: CyberHost,
        reference: ReferenceInputs,
        scales: GuidanceConfig,
        timesteps: Sequence[float],
        at_once: int,
    ) -> None:
        """Project the reference and embed the timestep of each step; a pass holds `at_once` branches, at most."""
        self.model = model
        self.keep_map, self.limit = scales.keep_map, scales.limit
        self.at_once = at_once
        self.clips = clip_contexts(model, reference, scales)
        guided = terms(scales, hears=model.config.audio.enabled)
        first, last = scales.interval
        steps = len(timesteps)
        # A step lies where its middle does.
        middles = [(step + 0.5) / steps for step in range(steps)]
        self._plan = tuple(guided if first <= middle <= last else (Term("full", 1.0),) for middle in middles)
        # They lie on the device before any step, so that none waits for them.
        self._times = [model.denoiser.time_embedding(torch.tensor([each], device=model.device)) for each in timesteps]

    def terms(self, step: int) -> tuple[Term, ...]:
        """List what a step predicts."""
        return self._plan[step]

    def window(self, inputs: WindowInputs) -> GuidedWindow:
        """Project what stays the same for a window, or for several in a batch."""
        return _window(self.model, self.clips, inputs, keep_map=self.keep_map)

    def predict(
        self,
        latents: Float32[Tensor, "b f c h w"],
        step: int | Sequence[int],
        window: GuidedWindow,
        deep: Deep | None = None,
    ) -> tuple[Float32[Tensor, "b f c h w"], Deep]:
        """Return the guided prediction, and what the deep layers made, which later steps of the same terms may reuse.

        Windows in a batch may be at different steps, all of the same terms.
        """
        steps = [step] * len(latents) if isinstance(step, int) else step
        planned, denoiser = self._plan[steps[0]], self.model.denoiser
        time = torch.cat([self._times[step] for step in steps])
        samples: list[Tensor] = []
        made: Deep = ()
        for number, start in enumerate(range(0, len(planned), self.at_once)):
            contexts = [window[term.name] for term in planned[start : start + self.at_once]]
            known = None if deep is None else deep[number : number + 1]
            predicted, said = denoiser.predict(latents.to(time.dtype), time, contexts, known)
            samples += [each.float() for each in predicted]
            made += said
        return combine([term.weight for term in planned], samples, self.limit), made
