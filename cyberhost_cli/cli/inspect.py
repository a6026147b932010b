"""`cyberhost inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import result
from cyberhost_cli.cli.options import JsonOpt


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Video, or folder of pictures, to look into.")],
    as_json: JsonOpt = False,
) -> None:
    """Print what a video is and how it was made.

    Outputs of cyberhost carry their preset, their seed and the hash of the weights.

    \b
    Example:
      cyberhost inspect out.mp4
    """
    from cyberhost_cli.media.inspect import inspect as look

    result.show_fields(look(file), as_json)
