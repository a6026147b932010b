"""Named arrays and a JSON header in one safetensors file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.source import check_source

Arrays = dict[str, NDArray[Any]]

# One key, since safetensors writes several in an order that changes from run to run.
_KEY = "cyberhost"


def write_tensors(path: Path, kind: str, version: int, arrays: Arrays, header: dict[str, Any]) -> None:
    """Write `arrays` with a header that names the kind and version of the file."""
    text = json.dumps({"format": f"cyberhost {kind}", "version": version, **header})
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with atomic_file(path) as temporary:
        temporary.write_bytes(save(contiguous, metadata={_KEY: text}))


def read_header(path: Path, kind: str, version: int) -> dict[str, Any]:
    """Return the header of a file that `write_tensors` made.

    Raises:
        InputError: Missing, damaged, of another kind or of another version.
    """
    check_source(path, f"{kind} file")
    hint = f"give a {kind} file that cyberhost wrote"
    try:
        header = _header(path)
    except SafetensorError as error:
        raise InputError(f"`{path}` is damaged or not a safetensors file: {error}", hint) from error
    if header.get("format") != f"cyberhost {kind}":
        raise InputError(f"`{path}` is a safetensors file, but not a {kind} file of cyberhost", hint)
    if header.get("version") != version:
        raise InputError(
            f"`{path}` is a {kind} file of version {header.get('version')}, expected {version}",
            "make it again with this version of cyberhost",
        )
    return header


def read_tensors(path: Path, kind: str, version: int) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays and the header of a file that `write_tensors` made.

    Raises:
        InputError: Missing, damaged, of another kind or of another version.
    """
    header = read_header(path, kind, version)
    with safe_open(path, framework="numpy") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, header


def is_kind(path: Path, kind: str) -> bool:
    """Tell whether a file is one that `write_tensors` made, of this kind and of any version."""
    try:
        return bool(_header(path).get("format") == f"cyberhost {kind}")
    except (OSError, SafetensorError):
        return False


def _header(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
    header: dict[str, Any] = json.loads(metadata.get(_KEY, "{}"))
    return header
