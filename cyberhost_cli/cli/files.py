"""Files that a command is given, looked at before torch is imported: a slip is told at once."""

from collections.abc import Sequence
from pathlib import Path

from cyberhost_cli.errors import UsageError


def check_input(path: Path | None, kind: str) -> None:
    """Refuse a file that cannot be read; an argument that was not given is passed over.

    Raises:
        InputError: the file is missing, empty, a folder or not readable.
    """
    from cyberhost_cli.media.source import check_source

    if path is not None:
        check_source(path, kind)


def check_apart(inputs: Sequence[Path | None], outputs: Sequence[Path | None]) -> None:
    """Refuse an output that is an input or another output, which would be lost.

    Raises:
        UsageError: two paths are one file.
    """
    seen = {path.resolve() for path in inputs if path is not None}
    for path in outputs:
        if path is not None:
            if path.resolve() in seen:
                raise UsageError(f"`{path}` is named twice, and would be overwritten", "name another file")
            seen.add(path.resolve())


def check_output(path: Path, overwrite: bool) -> None:
    """Refuse a file that is there already or has no folder to lie in.

    Raises:
        UsageError: the file cannot be written, or must not be.
    """
    if path.is_dir():
        raise UsageError(f"`{path}` is a folder, expected a file", "name another file")
    if path.exists() and not overwrite:
        raise UsageError(f"`{path}` exists", "name another file, or add `--overwrite`")
    parent = path.absolute().parent
    if not parent.is_dir():
        raise UsageError(f"there is no folder `{parent}`", "make it first, or write elsewhere")
