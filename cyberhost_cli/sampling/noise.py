"""Noise that is a function of the seed and the frame's number alone."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

Noise = Callable[[range, tuple[int, int, int]], Float32[Tensor, "1 f c h w"]]
"""Gives the first noise of some frames; of the same frame always the same."""


def frame_noise(seed: int, frames: range, shape: tuple[int, int, int]) -> Float32[Tensor, "1 f c h w"]:
    """Return standard normal noise; the same frame of the same seed gets the same noise in every plan."""
    rows = [np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, frame])) for frame in frames]
    return torch.from_numpy(np.stack([row.standard_normal(shape, dtype=np.float32) for row in rows]))[None]
