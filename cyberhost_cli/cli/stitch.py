"""`cyberhost stitch`."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import progress, result
from cyberhost_cli.cli.options import JsonOpt, OutOpt, OverwriteOpt


def stitch(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Latents that `sample` wrote.")],
    out: OutOpt,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Decode latents into a video with sound.

    After `preprocess` and `sample` this gives the very file that `generate` writes.

    \b
    Example:
      cyberhost stitch chunks -o out.mp4
    """
    from cyberhost_cli.pipelines.stages import stitch_folder

    with progress.follow("frames", as_json) as report:
        stitch_folder(folder, out, overwrite, report)
    result.show_file(out, as_json)
