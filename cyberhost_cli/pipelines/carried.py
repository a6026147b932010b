"""Latents of the reference with its hands carried to where each frame has them."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.models.cyberhost import CyberHost, WindowInputs
from cyberhost_cli.pipelines.inputs import signed, unit, window_inputs
from cyberhost_cli.preprocess.puppet import Posed, Puppet
from cyberhost_cli.types import PreparedClip

KEPT = 256
"""Frames that are kept for later steps: more than are on their way through the steps at once."""


Pose = Callable[[int], Posed]
"""Gives the picture as it is carried along in a frame, counted from 0."""


def carrying(clip: PreparedClip, config: ModelConfig) -> Pose | None:
    """Return what carries the picture of a clip along; None where the model is shown it as it is."""
    if clip.driving is None or clip.driving.kind != "hands" or not config.carries_hands:
        return None
    puppet, track = Puppet(clip.reference.picture, clip.reference.keypoints), clip.driving.keypoints
    return lambda frame: puppet.pose(track[frame])


class ClipInputs:
    """Gives what the model is told of any frames of a clip."""

    def __init__(self, clip: PreparedClip, model: CyberHost, hold: float) -> None:
        self._clip, self._model = clip, model
        pose = carrying(clip, model.config)
        self._carried = None if pose is None else _Carried(pose, model, hold)

    def __call__(self, frames: Int64[np.ndarray, "f"], motion: Float[Tensor, "1 m c h w"]) -> WindowInputs:
        """Return them for any frames, and for the motion frames before these."""
        inputs = window_inputs(self._clip, self._model.config, frames, motion)
        if self._carried is None:
            return inputs
        carried, held = self._carried.latents(np.minimum(frames, self._clip.frames - 1))
        return replace(inputs, carried=carried, held=held)


class _Carried:
    """The reference as it stands beside the noise, frame by frame."""

    def __init__(self, pose: Pose, model: CyberHost, hold: float) -> None:
        self._pose, self._autoencoder, self._hold = pose, model.autoencoder, hold
        self._factor = model.config.autoencoder.factor
        self._kept: OrderedDict[int, tuple[Tensor, Tensor]] = OrderedDict()

    def latents(self, frames: Int64[np.ndarray, "f"]) -> tuple[Float[Tensor, "1 f c h w"], Float[Tensor, "1 f 1 h w"]]:
        latents, held = zip(*(self._frame(frame) for frame in frames.tolist()), strict=True)
        return torch.stack(latents)[None], torch.stack(held)[None]

    @torch.inference_mode()
    def _frame(self, frame: int) -> tuple[Float[Tensor, "c h w"], Float[Tensor, "1 h w"]]:
        if frame not in self._kept:
            # One frame at a time, so that the result depends on nothing else.
            posed, like = self._pose(frame), self._autoencoder.latent_mean
            latents = self._autoencoder.encode(signed(posed.pixels)[None].to(like))[0]
            hands = unit(posed.hands[:, :, None]).to(like)
            self._kept[frame] = latents, self._hold * functional.max_pool2d(hands, self._factor)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(frame)
        return self._kept[frame]
