"""Latents of all frames of the clips, encoded once."""

import hashlib
import logging
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float16
from safetensors.numpy import save_file
from safetensors.torch import load_file

from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.training.dataset import ClipExample, is_fresh
from cyberhost_cli.types import Frames

CHUNK = 25
"""Frames encoded at once."""

logger = logging.getLogger(__name__)

Latents = Float16[np.ndarray, "f c h w"]


def open_latents(clips: list[ClipExample], autoencoder: Autoencoder, cache: Path) -> list[Latents]:
    """Return the latents of each clip, memory-mapped, encoding what `cache` does not hold of this autoencoder yet."""
    folder = cache / f"latents-{_digest(autoencoder)}"
    folder.mkdir(exist_ok=True)
    for index, clip in enumerate(clips):
        path = folder / f"{clip.name}.safetensors"
        if not is_fresh(path, cache / f"{clip.name}.safetensors"):
            with atomic_file(path) as part:
                save_file({"latents": _encode(clip.frames, autoencoder)}, part)
        if (index + 1) % 50 == 0 or index + 1 == len(clips):
            logger.info("Encoded %d of %d clips", index + 1, len(clips))
    return [load_file(folder / f"{clip.name}.safetensors")["latents"].numpy() for clip in clips]


def _digest(autoencoder: Autoencoder) -> str:
    """Name the weights, whichever checkpoint they came in."""
    digest = hashlib.sha256()
    for name, each in autoencoder.state_dict().items():
        digest.update(name.encode() + each.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


@torch.no_grad()
def _encode(frames: Frames, autoencoder: Autoencoder) -> Latents:
    device = autoencoder.latent_mean.device
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    pieces = (pixels[start : start + CHUNK].to(device) / 127.5 - 1 for start in range(0, len(pixels), CHUNK))
    return np.concatenate([autoencoder.encode(each).half().cpu().numpy() for each in pieces])
