"""`cyberhost preprocess`."""

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import files, progress, result
from cyberhost_cli.cli.options import (
    HandPosesOpt,
    JsonOpt,
    OutOpt,
    OverwriteOpt,
    PoseVideoOpt,
    PresetOpt,
    SetOpt,
    StrictOpt,
    strictly,
)


def preprocess(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="Picture of a person.")],
    out: OutOpt,
    overrides: SetOpt,
    speech: Annotated[Path | None, typer.Argument(metavar="SPEECH", help="Recording of speech.")] = None,
    overlay: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG|MP4", help="Also write a picture, or with SPEECH a film, of all that was found and measured."
        ),
    ] = None,
    pose_video: PoseVideoOpt = None,
    hand_poses: HandPosesOpt = None,
    strict: StrictOpt = False,
    preset: PresetOpt = "demo",
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Write all that the model is told into a bundle.

    Finds the person in the picture, frames and crops them, turns the recording into features, and measures what makes
    good videos hard; `--json` prints the figures.

    \b
    Examples:
      cyberhost preprocess ref.png speech.wav -o bundle.safetensors
      cyberhost preprocess ref.png speech.wav -o bundle.safetensors --overlay seen.mp4
      cyberhost preprocess ref.png -o person.safetensors --overlay seen.png --strict
      cyberhost preprocess ref.png speech.wav -o bundle.safetensors --hand-poses auto --overlay seen.mp4
    """
    from cyberhost_cli.config.load import load_preset

    loaded = load_preset(preset, strictly(strict, overrides))
    hands = files.check_clip(reference, speech, pose_video, hand_poses, [out, overlay])
    files.check_output(out, overwrite)
    if overlay is not None:
        files.check_output(overlay, overwrite)
    from cyberhost_cli.pipelines import needs

    needs.require(loaded, ("picture",) if speech is None else ("picture", "speech"))
    from cyberhost_cli.pipelines.drive import Drivers
    from cyberhost_cli.pipelines.preprocess import Job, preprocess_file
    from cyberhost_cli.pipelines.progress import silent
    from cyberhost_cli.pipelines.summary import summarise

    drivers = Drivers(pose_video, hands)
    with nullcontext(silent) if drivers.path is None else progress.follow("poses", as_json) as tracking:
        parts = preprocess_file(Job(reference, speech, out, overlay, drivers), loaded, tracking)
    result.show_file(out, as_json, summarise(parts.reference, parts.speech, loaded))
