"""`cyberhost train`."""

from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import progress, result
from cyberhost_cli.cli.options import JsonOpt, OutOpt, SetOpt


def train(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="Preset by name or path of its YAML file.")],
    data: Annotated[Path, typer.Option(metavar="DIR", help="Clips that `synth` wrote.")],
    out: OutOpt,
    overrides: SetOpt,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="CHECKPOINT", help="Weights to start from; none: from scratch.")
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Train the stage that a preset describes.

    The same command again goes on where it was stopped.

    \b
    Examples:
      cyberhost train train-demo-autoencoder --data clips --out run1
      cyberhost train train-demo-pairs --data clips --out run2 --from run1/model.safetensors
    """
    from cyberhost_cli.config.load import load_preset
    from cyberhost_cli.training.loop import train as train_stage

    loaded = load_preset(preset, overrides)
    with progress.follow("steps", as_json) as report:
        checkpoint = train_stage(loaded, data, out, start, report)
    result.show_file(checkpoint, as_json)
