"""Latents of the reference with its hands carried to where each frame has them."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from cyberhost_cli.models.cyberhost import CyberHost, WindowInputs
from cyberhost_cli.pipelines.inputs import signed, window_inputs
from cyberhost_cli.preprocess.puppet import Puppet
from cyberhost_cli.types import KeypointTrack, PreparedClip

KEPT = 256
"""Frames that are kept for later steps: more than are on their way through the steps at once."""


class ClipInputs:
    """Gives what the model is told of any frames of a clip."""

    def __init__(self, clip: PreparedClip, model: CyberHost) -> None:
        self._clip, self._model = clip, model
        driving = clip.driving
        carried = driving is not None and driving.kind == "hands" and model.config.carries_hands
        self._carried = _Carried(clip, driving.keypoints, model) if driving is not None and carried else None

    def __call__(self, frames: Int64[np.ndarray, "f"], motion: Float[Tensor, "1 m c h w"]) -> WindowInputs:
        """Return them for any frames, and for the motion frames before these."""
        inputs = window_inputs(self._clip, self._model.config, frames, motion)
        if self._carried is None:
            return inputs
        return replace(inputs, carried=self._carried.latents(np.minimum(frames, self._clip.frames - 1)))


class _Carried:
    """The reference as it stands beside the noise, frame by frame."""

    def __init__(self, clip: PreparedClip, track: KeypointTrack, model: CyberHost) -> None:
        self._track, self._autoencoder = track, model.autoencoder
        self._puppet = Puppet(clip.reference.picture, clip.reference.keypoints)
        self._kept: OrderedDict[int, Float[Tensor, "c h w"]] = OrderedDict()

    def latents(self, frames: Int64[np.ndarray, "f"]) -> Float[Tensor, "1 f c h w"]:
        return torch.stack([self._frame(frame) for frame in frames.tolist()])[None]

    @torch.inference_mode()
    def _frame(self, frame: int) -> Float[Tensor, "c h w"]:
        if frame not in self._kept:
            # One frame at a time, so that the result depends on nothing else.
            picture = signed(self._puppet.pose(self._track[frame]))[None].to(self._autoencoder.latent_mean)
            self._kept[frame] = self._autoencoder.encode(picture)[0]
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(frame)
        return self._kept[frame]
