"""Hashes of weights: of what a checkpoint holds, and of whole files."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from cyberhost_cli.weights.layout import read_layout

Advance = Callable[[int], None]
"""Takes how many bytes more are read."""
_PIECE = 1 << 22


def content_hash(digests: Iterable[tuple[str, str, tuple[int, ...], str]]) -> str:
    """Return one SHA-256 for name, dtype, shape and SHA-256 of the bytes of all tensors, in whatever order they lie."""
    lines = sorted(f"{name} {dtype} {list(shape)} {digest}\n" for name, dtype, shape, digest in digests)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def hash_content(path: Path, advance: Advance) -> str:
    """Read a safetensors file and return the content hash of its tensors.

    Raises:
        CheckpointError: as `read_layout`.
    """
    digests, tensors = [], read_layout(path).tensors
    advance(path.stat().st_size - sum(tensor.end - tensor.start for tensor in tensors))
    with path.open("rb", buffering=0) as file:
        for tensor in tensors:
            file.seek(tensor.start)
            digest = _hash(file, tensor.end - tensor.start, advance)
            digests.append((tensor.name, tensor.dtype, tensor.shape, digest))
    return content_hash(digests)


def hash_file(path: Path, advance: Advance) -> str:
    """Read a file and return its SHA-256."""
    with path.open("rb", buffering=0) as file:
        return _hash(file, path.stat().st_size, advance)


def _hash(file: BinaryIO, size: int, advance: Advance) -> str:
    digest = hashlib.sha256()
    while size > 0 and (piece := file.read(min(_PIECE, size))):
        digest.update(piece)
        size -= len(piece)
        advance(len(piece))
    return digest.hexdigest()
