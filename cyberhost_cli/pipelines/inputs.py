"""Prepared arrays as the tensors that the model reads."""

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.models.cyberhost import ReferenceInputs, WindowInputs
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
    movement = unit(clip.reference.movement[..., None]).expand(3, -1, -1)[None]
    clarity = torch.from_numpy(clip.reference.clarity).expand(1, chunk.frames, 2)
    return WindowInputs(audio.to(motion), movement.to(motion), clarity.to(motion), motion)
