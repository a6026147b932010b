"""`cyberhost synth`."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import files, progress, result
from cyberhost_cli.cli.options import JsonOpt, OutOpt, SeedOpt
from cyberhost_cli.errors import CyberHostError


def synth(
    out: OutOpt,
    clips: Annotated[int, typer.Option(min=1, help="How many clips.")] = 8,
    seed: SeedOpt = 0,
    size: Annotated[int, typer.Option(min=64, help="Side of the picture in pixels.")] = 128,
    seconds: Annotated[float, typer.Option(min=0.2, help="Length of each clip.")] = 2.0,
    sheet: Annotated[
        Path | None, typer.Option(metavar="PNG", help="Also write a contact sheet of the clips to look at.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Render talking actors to train on.

    Each clip is a video, its sound and what is known exactly about it: `000000.mp4`, `.wav` and `.safetensors`.
    Clips that are there already are kept, so that the same command again goes on where it was stopped.

    \b
    Example:
      cyberhost synth -o clips --clips 200 --seed 1 --sheet clips.png
    """
    if find_spec("anny") is None:
        raise CyberHostError("`anny` is not installed", "install it with `pip install 'cyberhost[synth]'`")
    if sheet is not None:
        files.check_output(sheet, overwrite=True)
    from cyberhost_cli.media.picture import write_picture
    from cyberhost_cli.synth.clips import make
    from cyberhost_cli.synth.sheet import contact_sheet

    finished: list[Path] = []
    with progress.follow("clips", as_json) as report:
        report(0, clips)
        for path in make(out, clips, seed, size, seconds):
            finished.append(path)
            report(len(finished), clips)
    if sheet is not None:
        write_picture(sheet, contact_sheet(finished))
    result.show_file(out, as_json)
