"""`cyberhost train`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cyberhost_cli.cli import progress, result
from cyberhost_cli.cli.options import JsonOpt, OutOpt, SetOpt


def train(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="Preset by name or path of its YAML file.")],
    data: Annotated[Path, typer.Option(metavar="DATASET", help="Folder that `cyberhost preprocess --dataset` made.")],
    out: OutOpt,
    overrides: SetOpt,
    start: Annotated[
        Path | None, typer.Option("--from", metavar="CHECKPOINT", help="Weights to start from; none: from scratch.")
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            metavar="CLIPS",
            help="Folder of `cyberhost synth`, of actors that are not in the dataset, to render now and then.",
        ),
    ] = None,
    as_json: JsonOpt = False,
) -> None:
    """Train the stage that a preset describes.

    The run's folder holds the weights (`model.safetensors`), the last states, the losses (`metrics.jsonl`, and
    `tensorboard --logdir RUN`) and the clips rendered on the way. The same command again goes on where it was stopped.

    Several GPUs, on one machine or many, share the batch under `accelerate launch`; with
    `--set training.parallel=fsdp` they share the weights too. CPUs do so under `torchrun`.

    \b
    Examples:
      cyberhost train train-demo256-autoencoder --data dataset --out run1
      cyberhost train train-demo256-pairs --data dataset --out run2 --from run1/model.safetensors
      cyberhost train train-demo256-clips --data dataset --out run3 --from run2/model.safetensors \\
        --validation heldout --set training.validation.every=500
      accelerate launch --num_processes 8 -m cyberhost_cli train train-demo256-clips --data dataset --out run3 \\
        --from run2/model.safetensors
      torchrun --nproc-per-node 2 -m cyberhost_cli train train-demo256-pairs --data dataset --out run2 \\
        --from run1/model.safetensors --set device.name=cpu
    """
    from cyberhost_cli.config.load import load_preset
    from cyberhost_cli.training.loop import train as train_stage

    loaded = load_preset(preset, overrides)
    # Of several processes one tells what happens.
    if int(os.environ.get("RANK", "0")):
        train_stage(loaded, data, out, start, lambda *_: None, validation)
        return
    with progress.follow("steps", as_json) as report:
        checkpoint = train_stage(loaded, data, out, start, report, validation)
    result.show_file(checkpoint, as_json)
