"""`cyberhost audio`."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import files, result
from cyberhost_cli.cli.options import JsonOpt, OutOpt, OverwriteOpt, PresetOpt, SetOpt, StrictOpt, strictly


def audio(
    speech: Annotated[Path, typer.Argument(metavar="SPEECH", help="Recording of speech.")],
    out: OutOpt,
    overrides: SetOpt,
    strict: StrictOpt = False,
    preset: PresetOpt = "demo",
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Turn a recording into the features that the model hears.

    Writes a bundle that holds speech alone, for `sample`.

    \b
    Example:
      cyberhost audio speech.wav -o speech.safetensors
    """
    from cyberhost_cli.config.load import load_preset

    loaded = load_preset(preset, strictly(strict, overrides))
    files.check_output(out, overwrite)
    files.check_input(speech, "recording")
    from cyberhost_cli.pipelines import needs

    needs.require(loaded, ("speech",))
    from cyberhost_cli.media.bundle import Parts, write_bundle
    from cyberhost_cli.pipelines.prepare import prepare_speech
    from cyberhost_cli.pipelines.summary import summarise

    heard = prepare_speech(speech, loaded)
    write_bundle(out, Parts(speech=heard), loaded.name, [speech])
    result.show_file(out, as_json, summarise(None, heard, loaded))
