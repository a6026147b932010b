"""Files of others, read without running any code in them and without holding them in memory."""

import pickle
import warnings
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
_DAMAGE = (RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, AssertionError, OverflowError)
"""What torch raises of pickles whose bytes are not those that were written."""
_AGAIN = "fetch it again, or give the file as it was published"


@contextmanager
def open_tensors(path: Path) -> Iterator[Tensors]:
    """Yield the tensors of a safetensors file or a pickle of torch, mapped into memory while the block lasts.

    Training code often wraps them in `state_dict` beside other things, or puts `module.` before each name: that goes.

    Raises:
        CheckpointError: another kind of file, a damaged one, or a pickle that holds code or other than dense tensors.
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
    if path.suffix == ".safetensors":
        # Torch goes by the name, and maps nothing but named files.
        raise CheckpointError(f"`{path}` is a pickle of torch, named as if it were safetensors", "name it `.pth`")
    try:
        with warnings.catch_warnings():
            # Torch warns of kinds of tensors that are refused anyway.
            warnings.simplefilter("ignore")
            held: object = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"`{path}` holds more than tensors: it would run code when read, which was not done",
            "get it from those who published it, or as safetensors",
        ) from error
    except _DAMAGE as error:
        raise CheckpointError(f"`{path}` is damaged, or no pickle of torch", _AGAIN) from error
    return held


def _unwrap(held: object, path: Path) -> dict[str, Tensor]:
    if isinstance(held, dict) and isinstance(held.get("state_dict"), dict):
        held = held["state_dict"]
    if not isinstance(held, dict) or not all(isinstance(value, Tensor) for value in held.values()):
        raise CheckpointError(f"`{path}` holds other things than tensors by name", _AGAIN)
    for key, tensor in held.items():
        if not isinstance(key, str) or not _is_plain(tensor):
            raise CheckpointError(f"`{path}` holds more than plain weights: `{key}`", _AGAIN)
    return {key.removeprefix("module."): tensor for key, tensor in held.items()}


def _is_plain(tensor: Tensor) -> bool:
    """Tell whether a tensor is dense, as its values are, and here."""
    dense = tensor.layout == torch.strided and not tensor.is_nested
    return dense and not tensor.is_quantized and tensor.device.type == "cpu"
