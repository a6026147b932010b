"""Noise that is a function of the seed and the frame's number alone."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def frame_noise(seed: int, frames: range, shape: tuple[int, int, int]) -> Float[Tensor, "1 f c h w"]:
    """Return standard normal noise; the same frame of the same seed gets the same noise in every plan."""
    rows = [np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, frame])) for frame in frames]
    return torch.from_numpy(np.stack([row.standard_normal(shape, dtype=np.float32) for row in rows]))[None]
