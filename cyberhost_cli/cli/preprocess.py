"""`cyberhost preprocess`."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import files, result
from cyberhost_cli.cli.options import JsonOpt, OutOpt, OverwriteOpt, PresetOpt, SetOpt


def preprocess(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="Picture of a person.")],
    out: OutOpt,
    overrides: SetOpt,
    speech: Annotated[Path | None, typer.Argument(metavar="SPEECH", help="Recording of speech.")] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Also write the picture with keypoints, boxes and movement rectangle on it."),
    ] = None,
    preset: PresetOpt = "demo",
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Write all that the model is told into a bundle.

    Finds the person in the picture, frames and crops them, and turns the recording into features.

    \b
    Examples:
      cyberhost preprocess ref.png speech.wav -o bundle.safetensors
      cyberhost preprocess ref.png -o person.safetensors --overlay seen.png
    """
    from cyberhost_cli.config.load import load_preset

    loaded = load_preset(preset, overrides)
    files.check_output(out, overwrite)
    if overlay is not None:
        files.check_output(overlay, overwrite)
    files.check_input(reference, "picture")
    files.check_input(speech, "recording")
    from cyberhost_cli.media.bundle import write_bundle
    from cyberhost_cli.media.picture import write_picture
    from cyberhost_cli.pipelines.prepare import prepare_reference, prepare_speech
    from cyberhost_cli.preprocess import overlay as drawing

    features = None if speech is None else prepare_speech(speech, loaded)
    person = prepare_reference(reference, loaded)
    write_bundle(out, person, features, loaded.name, [path for path in (reference, speech) if path is not None])
    if overlay is not None:
        write_picture(overlay, drawing.draw(person))
    result.show_file(out, as_json)
