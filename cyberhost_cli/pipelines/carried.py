"""The picture of a clip, carried along to where each frame has shoulders, head and hands."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.models.cyberhost import CyberHost, WindowInputs
from cyberhost_cli.pipelines.inputs import signed, unit, window_inputs
from cyberhost_cli.preprocess.puppet import Puppet
from cyberhost_cli.types import KeypointTrack, Pixels, PreparedClip, PreparedReference

KEPT = 256
"""Frames that are kept for later steps and for the decoder: more than are under way at once."""


@dataclass(frozen=True)
class CarriedFrame:
    """The picture as one frame has it."""

    pixels: Pixels
    latents: Float[Tensor, "c h w"]
    hands: Float[Tensor, "1 h w"]
    """How far hands that were carried cover each cell, 0..1."""


class Carried:
    """Makes the picture of each frame once for all who ask for it, in whatever thread."""

    def __init__(self, reference: PreparedReference, track: KeypointTrack, model: CyberHost) -> None:
        self._puppet, self._track = Puppet(reference.picture, reference.keypoints), track
        self._autoencoder, self._factor = model.autoencoder, model.config.autoencoder.factor
        self._device, self._lock = model.device, Lock()
        self._kept: OrderedDict[object, CarriedFrame] = OrderedDict()

    def frame(self, number: int) -> CarriedFrame:
        """Return a frame, counted from 0."""
        # What one stream of a GPU makes may not be there yet for another.
        key = number, torch.cuda.current_stream(self._device) if self._device.type == "cuda" else None
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._make(number)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    @torch.inference_mode()
    def _make(self, number: int) -> CarriedFrame:
        # One frame at a time, so that the result depends on nothing else.
        posed, like = self._puppet.pose(self._track[number]), self._autoencoder.latent_mean
        latents = self._autoencoder.encode(signed(posed.pixels)[None].to(like))[0]
        hands = unit(posed.hands[:, :, None]).to(like)
        return CarriedFrame(posed.pixels, latents, functional.max_pool2d(hands, self._factor))


def carrying(clip: PreparedClip, model: CyberHost) -> Carried | None:
    """Return what carries the picture of a clip along; None where the model is shown it as it is."""
    if clip.driving is None or clip.driving.kind != "hands" or not model.config.carries_hands:
        return None
    return Carried(clip.reference, clip.driving.keypoints, model)


class ClipInputs:
    """Gives what the model is told of any frames of a clip."""

    def __init__(self, clip: PreparedClip, model: CyberHost, hold: float, carried: Carried | None) -> None:
        self._clip, self._config = clip, model.config
        self._hold, self._carried = hold, carried

    def __call__(self, frames: Int64[np.ndarray, "f"], motion: Float[Tensor, "1 m c h w"]) -> WindowInputs:
        """Return them for any frames, and for the motion frames before these."""
        inputs = window_inputs(self._clip, self._config, frames, motion)
        if self._carried is None:
            return inputs
        shown = [self._carried.frame(min(frame, self._clip.frames - 1)) for frame in frames.tolist()]
        latents, hands = (torch.stack(each)[None] for each in zip(*((s.latents, s.hands) for s in shown), strict=True))
        return replace(inputs, carried=latents, held=self._hold * hands)
