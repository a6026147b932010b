"""Reading a manifest that a command is given."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cyberhost_cli.cli import talk

if TYPE_CHECKING:
    from cyberhost_cli.farm.manifest import Manifest
    from cyberhost_cli.farm.results import Results


def read_checked(
    manifest: str,
    preset: str,
    overrides: Sequence[str],
    root: Path | None,
    force: bool = False,
    fed: bytes | None = None,
) -> tuple["Manifest", "Results"]:
    """Return a manifest of which all rows can be made, and its results; else tell all that is wrong and leave.

    Args:
        manifest: path, or what stands for stdin.
        preset: of rows that name none.
        overrides: of all rows.
        root: folder that all outputs must lie in.
        force: whether files may be replaced that are not the batch's own.
        fed: what stdin held.

    Raises:
        typer.Exit: something is wrong.
    """
    from cyberhost_cli.farm.check import check
    from cyberhost_cli.farm.fault import told
    from cyberhost_cli.farm.manifest import read_manifest
    from cyberhost_cli.farm.results import Results

    read = read_manifest(manifest, preset, overrides, fed)
    results = Results(read.results)
    faults = check(read, root, {Path(out) for out in results.latest()}, force)
    for message, hint in told(faults):
        talk.fail(message, hint)
    if faults:
        raise typer.Exit(2)
    return read, results
