"""A moving average of the weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cyberhost_cli.training.distributed import local


class Ema:
    """Exponential moving average of parameters, whose decay warms up from the first step on."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.averages: dict[str, Tensor] = {name: each.detach().clone() for name, each in parameters.items()}
        self._own = [local(each) for each in self.averages.values()]
        self._weights = [local(each) for each in parameters.values()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights of step `step`, counted from 0, with decay min(decay, (1 + step) / (10 + step))."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._own, self._weights, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the averages in the place of the parameters for a while."""
        kept = [each.clone() for each in self._weights]
        torch._foreach_copy_(self._weights, self._own)
        try:
            yield
        finally:
            torch._foreach_copy_(self._weights, kept)
