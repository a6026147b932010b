"""What moves the weights, and how fast."""

import math
from collections.abc import Mapping

import torch
from torch import nn

from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.errors import UsageError
from cyberhost_cli.preprocess.optional import need


def make_optimiser(parameters: Mapping[str, nn.Parameter], training: TrainingConfig) -> torch.optim.Optimizer:
    """Return AdamW, or the one that keeps its moments in 8 bits.

    Raises:
        CyberHostError: `bitsandbytes` is wanted and not installed.
        UsageError: it is wanted where weights are sharded.
    """
    if training.optimiser == "adamw":
        return torch.optim.AdamW(parameters.values(), lr=training.learning_rate, fused=True)
    if training.parallel == "fsdp":
        raise UsageError("moments in 8 bits cannot be sharded", "use `adamw` with `fsdp`, or `adamw8bit` with `ddp`")
    eight_bits = need("bitsandbytes.optim", "the optimiser `adamw8bit`", "adam8bit").AdamW8bit
    optimiser: torch.optim.Optimizer = eight_bits(parameters.values(), lr=training.learning_rate)
    return optimiser


def learning_rate(step: int, training: TrainingConfig) -> float:
    """Return the rate of step `step`, counted from 0: a linear warm-up, then constant or half a cosine down to 0."""
    if step < training.warmup:
        return training.learning_rate * (step + 1) / training.warmup
    if training.schedule == "constant":
        return training.learning_rate
    share = (step - training.warmup) / max(1, training.steps - training.warmup)
    return training.learning_rate * (1 + math.cos(math.pi * share)) / 2
