"""Outputs that are either whole or not there."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cyberhost_cli.errors import CyberHostError, UsageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def atomic_file(path: Path, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`, of the same suffix; move it into place when the block is done.

    A symbolic link is followed. Without `sync` it is not waited for the disk: for what can be made again.

    Raises:
        UsageError: `path` exists and is not a file.
        CyberHostError: The disk is full, or the file cannot be made.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"`{path}` is not a file", "name another file")
    place = path.resolve()
    temporary = _beside(place)
    with _explained(path, temporary):
        try:
            yield temporary
            if sync:
                _sync(temporary)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; let it take the place of `path` and all in it when the block is done.

    Raises:
        CyberHostError: The disk is full, or the folder cannot be made.
    """
    place = path.resolve()
    temporary, old = _beside(place), _beside(place)
    with _explained(path, temporary):
        try:
            temporary.mkdir()
            yield temporary
            for file in temporary.iterdir():
                _sync(file)
            if place.exists():
                place.replace(old)
            temporary.replace(place)
        finally:
            if old.exists() and not place.exists():
                old.replace(place)
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".cyberhost-{secrets.token_hex(4)}{path.suffix}")


@contextmanager
def _explained(path: Path, temporary: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise CyberHostError(
                f"no space left for `{path}`", f"free some space under `{path.absolute().parent}`, or write elsewhere"
            ) from error
        # Other errors may come from whoever computes the content, and are not ours to explain.
        if str(error.filename).startswith(str(temporary)):
            raise CyberHostError(
                f"cannot write `{path}`: {error.strerror}", "look at the folder's permissions, or write elsewhere"
            ) from error
        raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
