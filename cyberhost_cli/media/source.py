"""Files that users name: whether they can be read, and opening those that hold streams."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from cyberhost_cli.errors import InputError


def check_source(path: Path, kind: str) -> None:
    """Refuse a path that cannot be read; `kind` says what is expected there, such as `picture`.

    Raises:
        InputError: Missing, a folder, empty or not readable.
    """
    hint = f"give the path of a {kind}"
    if path.is_dir():
        raise InputError(f"`{path}` is a folder, expected a {kind}", hint)
    try:
        with path.open("rb") as file:
            start = file.read(1)
    except OSError as error:
        raise InputError(f"cannot read the {kind} `{path}`: {error.strerror}", hint) from error
    if not start:
        raise InputError(f"`{path}` is empty, expected a {kind}", hint)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_source(path: Path, kind: str) -> Iterator[InputContainer]:
    """Open a file of any container that FFmpeg knows.

    Raises:
        InputError: `check_source` says no, or FFmpeg finds nothing to read in it, now or within the block.
    """
    check_source(path, kind)
    try:
        # Absolute, since FFmpeg takes what stands before a colon for a protocol.
        with av.open(str(path.absolute())) as container:
            yield container
    except av.FFmpegError as error:
        raise InputError(
            f"`{path}` is damaged or not a {kind}: {error.strerror}", f"give another {kind}, or convert it with FFmpeg"
        ) from error
