"""Layers that start at zero, so that what they end changes nothing until it is trained."""

from torch import nn


def zero(layer: nn.Linear | nn.Conv2d) -> nn.Linear | nn.Conv2d:
    """Set weights and bias to zero; return the layer."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
