"""`cyberhost weights`: show."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import result
from cyberhost_cli.cli.options import JsonOpt

app = typer.Typer(help="Look at weights files.", rich_markup_mode=None)


@app.callback()
def weights() -> None:
    """Look at weights files."""


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Checkpoint in safetensors.")], as_json: JsonOpt = False
) -> None:
    """Print what a checkpoint holds.

    Says also what it was made from and whether it is fit to generate.

    \b
    Example:
      cyberhost weights show presets/demo/model.safetensors
    """
    from cyberhost_cli.weights.checkpoint import describe

    result.show_fields(describe(file), as_json)
