"""Standard normal noise that is a function of seeds alone, on any device."""

import math
from typing import Final

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

LATENTS, MOTION, POSTERIOR, DECODED = range(4)
"""What noise is for; each has its own for the same seed."""

GOLDEN: Final = 0x9E3779B97F4A7C15 - 2**64
"""Step between the counters of SplitMix64 (Steele et al., 2014), as a signed number."""
MIXERS: Final = (0xBF58476D1CE4E5B9 - 2**64, 0x94D049BB133111EB - 2**64)
"""What its rounds multiply by."""
SHIFTS: Final = (30, 27, 31)
"""What its rounds shift by."""
HALF: Final = 2**32
"""Values of one half of a 64-bit number."""


def normal(seeds: Int64[Tensor, "b"], purpose: int, shape: tuple[int, ...]) -> Float32[Tensor, "b *shape"]:
    """Return noise of a shape for each seed, whichever seeds stand beside it.

    A counter is hashed in place of asking a generator, so that all rows are drawn at once and the host need not know
    the seeds. Both halves of a number make two normal ones (Box and Muller, 1958).
    """
    count = math.prod(shape)
    start = _mixed(_mixed(seeds) + purpose)
    counters = torch.arange(1, (count + 1) // 2 + 1, device=seeds.device) * GOLDEN
    drawn = _mixed(start[:, None] + counters)
    radius = (-2 * ((_shifted(drawn, 32).float() + 1) / HALF).log()).sqrt()
    angle = (drawn & (HALF - 1)).float() * (2 * math.pi / HALF)
    pairs = torch.cat((radius * angle.cos(), radius * angle.sin()), 1)
    return pairs[:, :count].reshape(-1, *shape)


def _mixed(numbers: Int64[Tensor, "*n"]) -> Int64[Tensor, "*n"]:
    """Hash 64-bit numbers, as SplitMix64 does."""
    for shift, mixer in zip(SHIFTS, MIXERS, strict=False):
        numbers = (numbers ^ _shifted(numbers, shift)) * mixer
    return numbers ^ _shifted(numbers, SHIFTS[-1])


def _shifted(numbers: Int64[Tensor, "*n"], by: int) -> Int64[Tensor, "*n"]:
    """Shift unsigned numbers to the right, which torch takes for signed ones."""
    return (numbers >> by) & (2 ** (64 - by) - 1)
