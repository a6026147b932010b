"""What the training loop asks of a stage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

from torch import nn

B = TypeVar("B")
Drawn_co = TypeVar("Drawn_co", covariant=True)


@runtime_checkable
class Batches(Protocol[Drawn_co]):
    """Draws batches, in any process that holds it."""

    def __call__(self, step: int, rows: range) -> Drawn_co:
        """Return some rows of the batch of `step`, a dataclass of tensors.

        All chance comes from the seed, `step` and the number of each row, so that it does not matter which process
        draws a row, nor what was drawn before.
        """
        ...


@dataclass(frozen=True)
class Stage(Generic[B]):
    """One stage of training: what is trained, on what, against what."""

    parameters: Mapping[str, nn.Parameter]
    """What is trained, by its name in the whole model."""
    batches: Batches[B]
    module: nn.Module
    """Holds the model; called with a batch it returns `loss`, the mean over the rows, and its parts, by name."""
    settle: Callable[[], None]
    """Brings up to date what is measured, not learned; called with the averaged weights in place."""
