"""Tensors mapped into memory from their file and read in turn, so that little of it stays there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

Tensors = Mapping[str, Tensor]
_KEPT = 1 << 28
"""Bytes that are read before a file is opened anew: what was read stays in memory for as long as it is open."""


class _Opened(Tensors):
    """Tensors of an open file, each looked up when it is asked for, since that alone costs some memory."""

    def __init__(self, names: Sequence[str], look_up: Callable[[str], Tensor]) -> None:
        self._names = names
        self._look_up = look_up

    def __getitem__(self, name: str) -> Tensor:
        return self._look_up(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@contextmanager
def open_safetensors(path: Path) -> Iterator[Tensors]:
    """Yield the tensors of a file; what is taken of them stays valid after the block."""
    with safe_open(path, framework="pt") as file:
        yield _Opened(file.offset_keys(), file.get_tensor)


def in_turn(
    names: Iterable[str], opened: Callable[[], AbstractContextManager[Tensors]]
) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors by name; whoever copies each before the next holds one of them at a time."""
    left = list(names)
    while left:
        with opened() as tensors:
            read = 0
            while left and read < _KEPT:
                name = left.pop(0)
                tensor = tensors[name]
                read += tensor.nbytes
                yield name, tensor
