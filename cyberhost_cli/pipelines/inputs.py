"""Prepared arrays as the tensors that the model reads."""

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped, UInt8
from torch import Tensor

from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.models.cyberhost import ReferenceInputs, WindowInputs
from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.sampling.chunks import Chunk
from cyberhost_cli.types import PreparedClip, PreparedReference


def unit(pixels: Shaped[np.ndarray, "*b H W c"]) -> Float[Tensor, "*b c H W"]:
    """Return pixels 0..255 as 0..1, channels first."""
    return torch.from_numpy(pixels).movedim(-1, -3).float() / 255


def signed(pixels: Shaped[np.ndarray, "*b H W c"]) -> Float[Tensor, "*b c H W"]:
    """Return pixels 0..255 as -1..1, channels first."""
    return unit(pixels) * 2 - 1


@torch.inference_mode()
def reference_inputs(reference: PreparedReference, autoencoder: Autoencoder) -> ReferenceInputs:
    """Return a batch of one person, on the autoencoder's device."""
    device, dtype = autoencoder.latent_mean.device, autoencoder.latent_mean.dtype
    picture, skeleton, face, hands = (
        tensor[None].to(device, dtype)
        for tensor in (
            signed(reference.picture),
            unit(reference.skeleton),
            signed(reference.face),
            signed(reference.hands),
        )
    )
    return ReferenceInputs(autoencoder.encode(picture), skeleton, face, hands)


def window_inputs(clip: PreparedClip, chunk: Chunk, motion: Float[Tensor, "1 m c h w"]) -> WindowInputs:
    """Return a batch of one window; past its end the recording stays as it is in its last frame."""
    frames = np.minimum(np.arange(chunk.start, chunk.stop), clip.frames - 1)
    audio = torch.from_numpy(clip.speech.features[frames])[None]
    pose = unit(_pose_maps(clip, frames))[None]
    clarity = torch.from_numpy(clip.reference.clarity).expand(1, chunk.frames, 2)
    return WindowInputs(audio.to(motion), pose.to(motion), clarity.to(motion), motion)


def _pose_maps(clip: PreparedClip, frames: Int64[np.ndarray, "f"]) -> UInt8[np.ndarray, "_k H W 3"]:
    """Draw what tells where the body goes: one map for all frames, or with driving poses one for each.

    Driven hands are drawn over the body movement map, since sound still moves the body (the paper does not say how).
    """
    movement = np.repeat(clip.reference.movement[:, :, None], 3, axis=2)
    if clip.driving is None:
        return movement[None]
    keypoints = clip.driving.keypoints[frames]
    if clip.driving.kind == "body":
        return skeleton.draw_track(keypoints, *movement.shape[:2])
    return skeleton.draw_hands_on(movement, keypoints)
