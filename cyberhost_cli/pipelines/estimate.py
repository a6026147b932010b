"""What a preset asks of a GPU, counted on tensors without memory: bytes and arithmetic of each of its passes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.models.conditions import Masks
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.models.denoiser import Deep
from cyberhost_cli.models.visiting import guests, tensors
from cyberhost_cli.pipelines.model import settle
from cyberhost_cli.pipelines.weighing import Fused, Scales
from cyberhost_cli.sampling.guidance import Guidance, GuidedWindow, Term

META = torch.device("meta")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Pass:
    """What one pass asks for."""

    flop: int
    """Floating-point operations; a multiplication and an addition are two."""
    peak: int
    """Most bytes on the device at once: what the pass makes, what earlier ones left, and the weights."""


@dataclass(frozen=True)
class Estimate:
    """What a preset asks for, pass by pass."""

    weights: int
    """Bytes of the whole model."""
    resident: int
    """Bytes of the weights that stay on the device."""
    reference: Pass
    """Reading the person, once per clip."""
    window: Pass
    """Reading what is told of the windows of one pass; a chunk is one window."""
    step: Pass
    """A guided step of them."""
    decode: Pass
    """Pixels of one frame, by themselves."""
    chunk_flop: int
    """One chunk, from what is told of it to its pixels."""
    chunk_frames: int

    @property
    def peak(self) -> int:
        """Most bytes on the device at once; frames are decoded beside the passes of the next chunk."""
        beside = self.decode.peak - self.resident
        return max(self.reference.peak, self.window.peak + beside, self.step.peak + beside)


def estimate(loaded: LoadedPreset) -> Estimate:
    """Count what a preset asks for on a GPU, at its own size and with the section of `memory` that holds.

    What libraries take for themselves is not in it: CUDA's own context, and the room that convolutions work in.
    """
    preset = loaded.preset
    memory, sampling = preset.memory[preset.device.memory], preset.sampling
    model, dtype = _model(preset), getattr(torch, preset.device.dtype)
    weights = _bytes(model)
    resident = weights - sum(_bytes(guest) for guest in guests(model) if memory.offload)
    together = memory.windows if sampling.plan == "windows" else 1
    with torch.inference_mode(), META, Fused(), Scales(resident) as scales:
        _, decode = _passed(scales, lambda: model.autoencoder.decode(_latents(preset, 1, 1)[0].to(dtype)))
        guidance, reference = _passed(scales, lambda: _guidance(preset, model))
        carried, encode = _carried(preset, model, together, scales)
        told, motion = _told(preset, together, dtype), _latents(preset, together, preset.model.motion.frames).to(dtype)
        window, read = _passed(scales, lambda: guidance.window(WindowInputs(*told, motion, carried)))
        del told, motion, carried
        steps = _steps(preset, guidance, window, together, scales)
    step = max(steps, key=lambda step: step.peak)
    chunk = (read.flop + sum(step.flop for step in steps)) // together + sampling.chunk_frames * (decode.flop + encode)
    return Estimate(weights, resident, reference, read, step, decode, chunk, sampling.chunk_frames)


def _model(preset: Preset) -> CyberHost:
    with META:
        model = CyberHost(preset.model)
    model = model.eval().requires_grad_(False).to(getattr(torch, preset.device.dtype))
    settle(model, META, preset.memory[preset.device.memory])
    return model


def _bytes(module: nn.Module) -> int:
    return sum(tensor.nbytes for tensor in tensors(module))


def _passed(scales: Scales, run: Callable[[], Made]) -> tuple[Made, Pass]:
    """Run a pass; return what it makes, and what it asks for."""
    scales.begin()
    with FlopCounterMode(display=False) as counter:
        made = run()
    return made, Pass(counter.get_total_flops(), scales.peak)


def _carried(preset: Preset, model: CyberHost, windows: int, scales: Scales) -> tuple[Tensor | None, int]:
    """Make the references of the frames of windows where each has its own, and count what reading one takes."""
    if not preset.model.carries_hands:
        return None, 0
    _, encode = _passed(scales, lambda: _encoded(preset, model))
    latents = _latents(preset, windows, preset.sampling.chunk_frames)
    return latents.to(model.autoencoder.latent_mean.dtype), encode.flop


def _encoded(preset: Preset, model: CyberHost) -> Tensor:
    picture = torch.empty(1, 3, preset.picture.height, preset.picture.width, dtype=model.autoencoder.latent_mean.dtype)
    return model.autoencoder.encode(picture)


def _guidance(preset: Preset, model: CyberHost) -> Guidance:
    """Read a picture, and the person in it."""
    picture, sampling = preset.picture, preset.sampling
    dtype, (height, width) = model.autoencoder.latent_mean.dtype, (picture.height, picture.width)
    person = ReferenceInputs(
        _encoded(preset, model),
        torch.empty(1, 3, height, width, dtype=dtype),
        torch.empty(1, 3, picture.face_size, picture.face_size, dtype=dtype),
        torch.empty(1, 2, 3, picture.hand_size, picture.hand_size, dtype=dtype),
        torch.empty(1, preset.model.identity_features or 0, dtype=dtype),
        _masks(preset, dtype),
    )
    branches = preset.memory[preset.device.memory].branches
    return Guidance(model, person, sampling.guidance, (0.0,) * sampling.steps, branches)


def _masks(preset: Preset, dtype: torch.dtype) -> Masks | None:
    if preset.model.audio.place != "modules":
        return None
    height, width = _latents(preset, 1, 1).shape[-2:]
    levels = range(len(preset.model.backbone.widths))
    return tuple(torch.empty(1, 3, height >> level, width >> level, dtype=dtype) for level in levels)


def _told(preset: Preset, windows: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Make sound, drawn maps, one for each frame where the model knows such, and scores of windows."""
    audio, picture, frames = preset.model.audio, preset.picture, preset.sampling.chunk_frames
    drawn = frames if {"body", "hands"} & set(preset.model.priors.maps) else 1
    return (
        torch.empty(windows, frames, audio.vectors, audio.features, dtype=dtype),
        torch.empty(windows, drawn, 3, picture.height, picture.width, dtype=dtype),
        torch.empty(windows, frames, 2, dtype=dtype),
    )


def _latents(preset: Preset, rows: int, frames: int) -> Tensor:
    factor, picture = preset.model.autoencoder.factor, preset.picture
    channels = preset.model.backbone.latent_channels
    return torch.empty(rows, frames, channels, picture.height // factor, picture.width // factor)


def _steps(preset: Preset, guidance: Guidance, window: GuidedWindow, rows: int, scales: Scales) -> list[Pass]:
    """Take all steps, but each kind of them once, beside all frames that are on their way through them."""
    sampling = preset.sampling
    _under_way = _latents(preset, sampling.steps if sampling.plan == "windows" else 1, sampling.chunk_frames)
    latents = _latents(preset, rows, sampling.chunk_frames)
    kinds: dict[tuple[tuple[Term, ...], bool], Pass] = {}
    taken: list[Pass] = []
    deep: Deep | None = None
    deep_terms: tuple[Term, ...] | None = None
    for step in range(sampling.steps):
        terms = guidance.terms(step)
        whole = step % sampling.deep_every == 0 or terms != deep_terms
        if (terms, whole) not in kinds:
            predict = partial(guidance.predict, latents, step, window, None if whole else deep)
            (_, made), kinds[terms, whole] = _passed(scales, predict)
            if whole and sampling.deep_every > 1:
                deep, deep_terms = made, terms
            del made
        taken.append(kinds[terms, whole])
    return taken
