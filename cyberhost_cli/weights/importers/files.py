"""Files of others, read without running any code in them and without holding them in memory."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights.mapped import Tensors, open_safetensors

_ZIP = b"PK"
_OLD_PICKLE = b"\x80"
_AGAIN = "fetch it again, or give the file as it was published"


@contextmanager
def open_tensors(path: Path) -> Iterator[Tensors]:
    """Yield the tensors of a safetensors file or a pickle of torch, mapped into memory while the block lasts.

    Training code often wraps them in `state_dict` beside other things, or puts `module.` before each name: that goes.

    Raises:
        CheckpointError: another kind of file, a damaged one, or a pickle that holds code.
    """
    with path.open("rb") as file:
        start = file.read(2)
    if start == _ZIP:
        yield _unwrap(_unpickle(path), path)
    elif start.startswith(_OLD_PICKLE):
        raise CheckpointError(
            f"`{path}` is a pickle as torch wrote them before version 1.6, which can only be read whole",
            "where you trust it, load it and `torch.save` it again, or save it as safetensors",
        )
    else:
        try:
            with open_safetensors(path) as tensors:
                yield tensors
        except SafetensorError as error:
            raise CheckpointError(f"`{path}` is neither safetensors nor a pickle of torch", _AGAIN) from error


def _unpickle(path: Path) -> object:
    try:
        held: object = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"`{path}` holds more than tensors: it would run code when read, which was not done",
            "get it from those who published it, or as safetensors",
        ) from error
    except (RuntimeError, ValueError, EOFError) as error:
        raise CheckpointError(f"`{path}` is damaged, or no pickle of torch", _AGAIN) from error
    return held


def _unwrap(held: object, path: Path) -> dict[str, Tensor]:
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    if not isinstance(held, dict) or not all(isinstance(value, Tensor) for value in held.values()):
        raise CheckpointError(f"`{path}` holds other things than tensors by name", _AGAIN)
    return {key.removeprefix("module."): tensor for key, tensor in held.items()}
