"""Arguments and options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

PresetOpt = Annotated[
    str,
    typer.Option(
        "--preset", "-p", metavar="NAME", help="Preset by name or path of its YAML file; see `cyberhost presets list`."
    ),
]
SetOpt = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        default_factory=list,
        show_default=False,
        help="Change a field of the preset, as `output.crf=12`; may be repeated.",
    ),
]
SeedOpt = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same video.")]
OutOpt = Annotated[Path, typer.Option("--out", "-o", metavar="PATH", help="What to write.")]
OverwriteOpt = Annotated[bool, typer.Option("--overwrite", help="Replace what is already there.")]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print JSON for machines, one object a line.")]
StrictOpt = Annotated[
    bool, typer.Option("--strict", help="Take figures that do not fit for errors; the same as `preflight.strict=true`.")
]
UntrainedOpt = Annotated[
    bool, typer.Option("--allow-untrained", help="For tests: let weights generate that were never trained to.")
]
PoseVideoOpt = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="Video, or track of `cyberhost track`, whose poses the whole body follows."),
]
HandPosesOpt = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|auto",
        help="Video, track of `cyberhost track`, or folder of EchoMimicV2's poses, whose hands the hands follow; "
        "`auto` lets them gesture with the speech.",
    ),
]


def strictly(strict: bool, overrides: list[str]) -> list[str]:
    """Return the settings that the option `--strict` stands for, and the others."""
    return ["preflight.strict=true", *overrides] if strict else overrides
