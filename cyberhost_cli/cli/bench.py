"""`cyberhost bench`: preprocess."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import files, progress, result
from cyberhost_cli.cli.options import JsonOpt, PresetOpt, SetOpt

app = typer.Typer(help="Measure how fast this machine is.", rich_markup_mode=None)


@app.callback()
def bench() -> None:
    """Measure how fast this machine is."""


@app.command()
def preprocess(
    overrides: SetOpt,
    reference: Annotated[
        Path | None, typer.Argument(metavar="REF", help="Picture of a person; else the one of preset `demo`.")
    ] = None,
    speech: Annotated[
        Path | None, typer.Argument(metavar="SPEECH", help="Recording of speech; else the one of preset `demo`.")
    ] = None,
    video_seconds: Annotated[float, typer.Option(metavar="SECONDS", min=1, help="How long a video is tracked.")] = 60,
    preset: PresetOpt = "demo",
    as_json: JsonOpt = False,
) -> None:
    """Time the preparing of a picture, of ten seconds of speech, and of a video.

    Loading is timed apart, since a process that prepares many rows loads once; but the time of the video includes the
    start of the processes that look at it.

    \b
    Examples:
      cyberhost bench preprocess
      cyberhost bench preprocess --video-seconds 10 --set tracking.workers=8
    """
    from cyberhost_cli.config import store
    from cyberhost_cli.config.load import load_preset

    loaded = load_preset(preset, overrides)
    demo = store.find("demo").parent / "demo"
    reference, speech = reference or demo / "ref.png", speech or demo / "speech.wav"
    files.check_input(reference, "picture")
    files.check_input(speech, "recording")
    from cyberhost_cli.pipelines.bench import time_preprocessing

    with progress.follow("frames", as_json) as report:
        timings = list(time_preprocessing(reference, speech, video_seconds, loaded, report))
    result.show_table(
        [
            {
                "job": timing.job,
                "seconds": round(timing.seconds, 3),
                "amount": f"{timing.amount:g} {timing.unit}",
                "rate": f"{timing.rate:.1f} a second",
            }
            for timing in timings
        ],
        as_json,
    )
