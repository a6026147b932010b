"""Shards: tar files of samples, as WebDataset reads them, whose members are used where they lie."""

import io
import json
import mmap
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cyberhost_cli.errors import InputError

END = bytes(2 * tarfile.BLOCKSIZE)
"""What stands behind the last member."""

_LENGTH = 8
"""Bytes at the start of a safetensors file that tell the length of its header."""
_TYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8}


@dataclass(frozen=True)
class Member:
    """Where the bytes of a member are in its shard."""

    offset: int
    size: int


@dataclass(frozen=True)
class Sample:
    """The members of one name, by what follows its first dot."""

    name: str
    members: Mapping[str, Member]


def pack(name: str, members: Mapping[str, bytes]) -> bytes:
    """Return the blocks of a sample; the same input gives the same bytes.

    Members are not compressed and start at multiples of 512, so that they can be mapped into memory.
    """
    blocks = io.BytesIO()
    for suffix, content in members.items():
        info = tarfile.TarInfo(f"{name}.{suffix}")
        info.size = len(content)
        blocks.write(info.tobuf(tarfile.GNU_FORMAT, "utf-8"))
        blocks.write(content)
        blocks.write(bytes(-len(content) % tarfile.BLOCKSIZE))
    return blocks.getvalue()


def write_shard(path: Path, samples: Iterable[bytes]) -> None:
    """Write what `pack` returned."""
    with path.open("wb") as file:
        for blocks in samples:
            file.write(blocks)
        file.write(END)


def read_index(path: Path) -> list[Sample]:
    """Find the members of a shard, in the order of their samples.

    Raises:
        InputError: not a tar file, or cut off.
    """
    found: dict[str, dict[str, Member]] = {}
    try:
        with tarfile.open(path, "r:") as shard:
            for info in shard:
                name, _, suffix = info.name.partition(".")
                found.setdefault(name, {})[suffix] = Member(info.offset_data, info.size)
    except (OSError, tarfile.TarError) as error:
        raise InputError(f"`{path}` is missing, damaged or not a shard: {error}", "make the dataset again") from error
    return [Sample(name, members) for name, members in found.items()]


def content(path: Path, member: Member) -> bytes:
    """Return the bytes of a member."""
    return _mapped(path)[member.offset : member.offset + member.size]


def arrays(path: Path, offset: int = 0) -> dict[str, NDArray[Any]]:
    """Return the arrays of the safetensors file at `offset` of another file, read from disk when touched."""
    file = _mapped(path)
    start = offset + _LENGTH + int.from_bytes(file[offset : offset + _LENGTH], "little")
    header = json.loads(file[offset + _LENGTH : start])
    return {
        name: _array(file, start + told["data_offsets"][0], told["dtype"], told["shape"])
        for name, told in header.items()
        if name != "__metadata__"
    }


def _array(file: mmap.mmap, offset: int, kind: str, shape: list[int]) -> NDArray[Any]:
    count = int(np.prod(shape))
    if not count:
        return np.zeros(shape, _TYPES[kind])
    return np.frombuffer(file, _TYPES[kind], count, offset).reshape(shape)


@cache
def _mapped(path: Path) -> mmap.mmap:
    """Map a file into memory, once in a process; what is not touched is not read."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
