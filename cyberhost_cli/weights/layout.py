"""How tensors lie in a safetensors file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from cyberhost_cli.errors import CheckpointError

LENGTH = 8
"""Bytes at the start of a file that give the length of the JSON behind them."""
LONGEST = 100_000_000
"""Bytes of JSON that safetensors itself takes for sane."""
METADATA = "__metadata__"


@dataclass(frozen=True)
class Stored:
    """One tensor in a file."""

    name: str
    dtype: str
    """As safetensors names it: `F16`, `BF16`, `F32`."""
    shape: tuple[int, ...]
    start: int
    """First byte in the file."""
    end: int

    @property
    def numbers(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True)
class Layout:
    """What stands at the start of a safetensors file."""

    metadata: dict[str, str]
    tensors: tuple[Stored, ...]
    """In the order of the file."""


def read_layout(path: Path) -> Layout:
    """Read what lies where.

    Raises:
        CheckpointError: it is no safetensors file, or not whole.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(LENGTH), "little")
            text = file.read(length) if length <= min(size, LONGEST) else b""
        header = json.loads(text)
        metadata = header.pop(METADATA, {})
        tensors = sorted(_stored(header, LENGTH + length), key=lambda tensor: tensor.start)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"`{path}` is not a safetensors file", "fetch it or train it again") from error
    end = tensors[-1].end if tensors else LENGTH + length
    if end != size:
        raise CheckpointError(
            f"`{path}` is not whole: it has {size} bytes, expected {end}", "fetch it or train it again"
        )
    return Layout(metadata, tuple(tensors))


def _stored(header: dict[str, Any], base: int) -> Iterable[Stored]:
    for name, facts in header.items():
        start, end = facts["data_offsets"]
        yield Stored(name, facts["dtype"], tuple(facts["shape"]), base + start, base + end)
