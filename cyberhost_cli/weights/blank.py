"""Models whose parameters take no memory until their values are known."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.models.cyberhost import CyberHost


class BlankModel:
    """A model to be filled, with the values that each of its parameters has in one freshly made.

    Tensors that no file brings, such as tables of positions, are real.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._recorder = _Recorder()
        # What begins with random values begins with the same ones every time.
        with torch.random.fork_rng(devices=[]), self._recorder:
            torch.manual_seed(0)
            self.model = CyberHost(config)
        self._state: dict[str, Tensor] = self.model.state_dict(keep_vars=True)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor that a file must hold, by name."""
        return {name: tuple(tensor.shape) for name, tensor in self._state.items()}

    def initial(self, name: str) -> Tensor:
        """Return the value that a freshly made model begins with; where it is random, the next one."""
        tensor = self._state[name].detach()
        return self._recorder.replay(self._state[name]) if tensor.is_meta else tensor


class _Recorder(TorchFunctionMode):
    """Gives layers parameters without memory, and keeps what they do to initialise them."""

    def __init__(self) -> None:
        super().__init__()
        self._done: dict[int, list[Callable[[Tensor], object]]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Run a function of torch, changed or noted."""
        kwargs = dict(kwargs or {})
        # Layers take the room for their parameters from `torch.empty`.
        if func is torch.empty:
            return func(*args, **kwargs | {"device": "meta"})
        subject = args[0] if args else kwargs.get("tensor")
        in_place = func.__name__.endswith("_") and not func.__name__.endswith("__")
        if in_place and isinstance(subject, nn.Parameter) and subject.is_meta:
            rest, named = args[1:], {key: value for key, value in kwargs.items() if key != "tensor"}
            self._done.setdefault(id(subject), []).append(lambda tensor: func(tensor, *rest, **named))
        return func(*args, **kwargs)

    def replay(self, parameter: Tensor) -> Tensor:
        """Do to a real tensor what was done to a parameter."""
        tensor = torch.empty(parameter.shape)
        with torch.no_grad():
            for step in self._done[id(parameter)]:
                step(tensor)
        return tensor
