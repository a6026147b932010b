"""What the training loop asks of a stage."""

from collections.abc import Mapping
from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

B = TypeVar("B")


@runtime_checkable
class Stage(Protocol[B]):
    """One stage of training: what is trained, on what, against what."""

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Return what is trained, by its name in the whole model."""
        ...

    def batch(self, generator: torch.Generator) -> B:
        """Draw a batch, a dataclass of tensors; all chance comes from `generator`."""
        ...

    def loss(self, batch: B, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Return the loss and its parts by name."""
        ...

    def settle(self) -> None:
        """Bring up to date what is measured, not learned; called with the averaged weights in place."""
        ...
