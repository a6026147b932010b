"""`cyberhost generate`."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import files, progress, result
from cyberhost_cli.cli.options import JsonOpt, OutOpt, OverwriteOpt, PresetOpt, SeedOpt, SetOpt


def generate(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="Picture of a person, or a bundle of `preprocess`.")],
    out: OutOpt,
    overrides: SetOpt,
    speech: Annotated[
        Path | None, typer.Argument(metavar="SPEECH", help="Recording of speech; none after a bundle.")
    ] = None,
    preset: PresetOpt = "demo",
    seed: SeedOpt = 0,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Make a video of the person in a picture talking.

    The video is exactly as long as the recording and carries it as its sound.

    \b
    Examples:
      cyberhost generate ref.png speech.wav -o out.mp4
      cyberhost generate bundle.safetensors -o out.mp4 --seed 3 --set output.crf=12
    """
    from cyberhost_cli.config.load import load_preset
    from cyberhost_cli.media.writer import check_target

    loaded = load_preset(preset, overrides)
    check_target(out, overwrite, loaded.preset.output)
    files.check_input(reference, "picture")
    files.check_input(speech, "recording")
    from cyberhost_cli.pipelines.generate import generate_file

    with progress.follow("frames", as_json) as report:
        generate_file(reference, speech, out, loaded, seed, overwrite, report)
    result.show_file(out, as_json)
