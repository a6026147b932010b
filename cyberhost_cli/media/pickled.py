"""Numpy arrays in dicts and lists, read from a pickle without running anything that it names."""

import ast
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyberhost_cli.errors import InputError

START = b"\x93NUMPY\x01\x00"
LARGEST = 1_000_000
"""Bytes of a file; the poses of one frame take 6 thousand."""
NUMBERS = frozenset({"b1", *(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)), "f2", "f4", "f8"})
"""Dtypes of arrays, by their pickled names: numbers, none of which can be made to stand for an object."""


def read_pickled(path: Path) -> dict[str, Any]:
    """Return the dict that `numpy.save` pickled into a file, of lists, texts, numbers and arrays of numbers.

    Raises:
        InputError: The file cannot be read, is damaged or too large, or names anything else.
    """
    hint = "a pickle may hold programs, and none is run here: give a file as EchoMimicV2 writes it"
    try:
        with path.open("rb") as file:
            whole = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"cannot read `{path}`: {error.strerror}", "give a folder as EchoMimicV2 makes it") from error
    if len(whole) > LARGEST:
        raise InputError(f"`{path}` has more than {LARGEST} bytes, expected the poses of one frame", hint)
    try:
        return _content(io.BytesIO(whole))
    # A damaged pickle makes Python raise almost anything.
    except Exception as error:
        raise InputError(f"`{path}` is damaged, or holds more than numbers: {error}", hint) from error


def _content(file: io.BytesIO) -> dict[str, Any]:
    """Return what lies in an array of one object, which is how `numpy.save` writes what is no array."""
    if file.read(len(START)) != START:
        raise pickle.UnpicklingError("it is no NPY file of version 1.0")
    header = ast.literal_eval(file.read(int.from_bytes(file.read(2), "little")).decode("latin1"))
    if header["shape"] or header["descr"] != "|O":
        raise pickle.UnpicklingError("it is an array, expected a dict")
    content = _Unpickler(file).load().content
    if not isinstance(content, dict):
        raise pickle.UnpicklingError("it is no dict")
    return content


class _Unpickler(pickle.Unpickler):
    """Knows numpy's arrays and numbers, and puts something harmless in the place of what would build them."""

    def find_class(self, module: str, name: str) -> object:
        known = {"_reconstruct": _start, "scalar": _scalar, "dtype": _Dtype, "ndarray": None}
        if module not in {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"} or name not in known:
            raise pickle.UnpicklingError(f"it names `{module}.{name}`")
        return known[name]


class _Dtype:
    """What a pickle says of the kind of an array."""

    def __init__(self, name: str, *_: object) -> None:
        self.name, self.order = name, "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    def number(self) -> np.dtype:
        if self.name not in NUMBERS:
            raise pickle.UnpicklingError(f"it holds an array of `{self.name}`")
        return np.dtype(self.order + self.name)


class _Array(np.ndarray):
    """An array that takes nothing but numbers, all of which are there; or one object, its `content`."""

    content: object

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, data = state
        if isinstance(data, list):
            (self.content,) = data
            return
        number = dtype.number()
        values = np.frombuffer(data, number).reshape(shape)
        super().__setstate__((1, values.shape, number, by_columns, bytes(data)))


def _start(*_: object) -> _Array:
    return _Array(0, np.uint8)


def _scalar(dtype: _Dtype, data: bytes) -> NDArray[Any]:
    values: NDArray[Any] = np.frombuffer(data, dtype.number())[0]
    return values
