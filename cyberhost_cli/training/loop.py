"""The training loop, the same for every stage."""

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.errors import CyberHostError, UsageError
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.model import set_up_device
from cyberhost_cli.preprocess import face_masks
from cyberhost_cli.training import checkpoint
from cyberhost_cli.training.autoencoder import AutoencoderStage
from cyberhost_cli.training.checkpoint import RunState
from cyberhost_cli.training.dataset import ClipExample, cache_folder, open_clips
from cyberhost_cli.training.diffusion import DiffusionStage
from cyberhost_cli.training.ema import Ema
from cyberhost_cli.training.interrupt import Interrupt
from cyberhost_cli.training.latents import open_latents
from cyberhost_cli.training.metrics import Metrics
from cyberhost_cli.training.stage import Stage
from cyberhost_cli.training.start import MODEL, begin
from cyberhost_cli.weights.checkpoint import save_checkpoint
from cyberhost_cli.weights.header import Lineage

B = TypeVar("B")
Progress = Callable[[int, int, dict[str, float]], None]
"""Told the step, the steps in all, and the smoothed losses."""


def train(loaded: LoadedPreset, data: Path, out: Path, start: Path | None, progress: Progress) -> Path:
    """Train the preset's stage on the clips of `data` in the run folder `out`; return the checkpoint written there.

    A run that was stopped goes on from its last state. The averaged weights are written whenever the state is.

    Raises:
        UsageError: The stage needs a checkpoint to start from, or `out` holds the run of another preset.
        InputError: No clips, or clips that do not fit the preset.
        CyberHostError: The loss is no number any more.
        KeyboardInterrupt: Ctrl-C or SIGTERM, after saving.
    """
    torch.set_flush_denormal(True)
    preset = loaded.preset
    _check(loaded)
    clips = open_clips(data, preset)
    model, made_from, licence = begin(preset, out, start)
    model.to(set_up_device(preset.device)).train()
    stage = _stage(model, clips, preset, cache_folder(data, preset))
    out.mkdir(parents=True, exist_ok=True)
    kind = preset.training.stage

    def write(step: int) -> None:
        learned = f"{len(clips)} clips of `{data.name}`"
        save_checkpoint(out / MODEL, model, Lineage(kind, step, learned, made_from, kind == "clips", licence))

    run(stage, model, preset.training, out, _digest(preset), write, progress)
    return out / MODEL


def _check(loaded: LoadedPreset) -> None:
    """Refuse a model that reads what clips do not tell."""
    if face_masks.read_by(loaded.preset.model):
        raise UsageError(
            f"the model of preset `{loaded.name}` reads masks of the face, which clips do not have",
            "train a model whose sound is heard in the cross-attention (`model.audio.place`)",
        )


def _stage(model: CyberHost, clips: list[ClipExample], preset: Preset, cache: Path) -> Stage[Any]:
    if preset.training.stage == "autoencoder":
        return AutoencoderStage(model, clips, preset.training)
    return DiffusionStage(model, clips, open_latents(clips, model.autoencoder, cache), preset.training)


def _digest(preset: Preset) -> str:
    """Name what must stay the same while a run goes on; how long it goes on and how often it is saved may change."""
    training = preset.training.model_dump(exclude={"steps", "save_every"})
    return hashlib.sha256(json.dumps([preset.model.model_dump(), training]).encode()).hexdigest()[:16]


def run(
    stage: Stage[B],
    model: nn.Module,
    training: TrainingConfig,
    out: Path,
    preset: str,
    write: Callable[[int], None],
    progress: Progress,
) -> None:
    """Train until `training.steps`, going on from the newest state in `out`.

    `write` is called with the step whenever the state is saved, the averaged weights in place.

    Raises:
        CyberHostError: The loss or its gradient is no longer a number; the batch is kept in `out`.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the state is saved first.
    """
    parameters = stage.parameters()
    device = next(iter(parameters.values())).device
    optimiser = torch.optim.AdamW(parameters.values(), lr=training.learning_rate, fused=True)
    generator = torch.Generator().manual_seed(training.seed)
    state = RunState(model, Ema(parameters, training.ema), optimiser, generator)
    step = checkpoint.resume(out, state, preset)
    metrics = Metrics(out / "metrics.jsonl", step)
    with Interrupt() as interrupt:
        while step < training.steps:
            rate = learning_rate(step, training)
            losses = _step(stage, state, rate, device, training.grad_clip, out)
            state.ema.update(step)
            step += 1
            metrics.add(step, losses, rate)
            progress(step, training.steps, metrics.smooth)
            if step % training.save_every == 0 or step == training.steps or interrupt.asked:
                _save(stage, state, step, out, preset, write)
            if interrupt.asked and step < training.steps:
                raise KeyboardInterrupt


def learning_rate(step: int, training: TrainingConfig) -> float:
    """Return the rate of step `step`, counted from 0: a linear warm-up, then constant or half a cosine down to 0."""
    if step < training.warmup:
        return training.learning_rate * (step + 1) / training.warmup
    if training.schedule == "constant":
        return training.learning_rate
    share = (step - training.warmup) / max(1, training.steps - training.warmup)
    return training.learning_rate * (1 + math.cos(math.pi * share)) / 2


def _step(
    stage: Stage[B], state: RunState, rate: float, device: torch.device, grad_clip: float, out: Path
) -> dict[str, float]:
    batch = _moved(stage.batch(state.generator), device)
    loss, parts = stage.loss(batch, state.generator)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(stage.parameters().values(), grad_clip)
    if not torch.isfinite(loss + norm):
        raise _not_a_number(batch, parts, out)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    state.optimiser.step()
    return parts


def _save(stage: Stage[B], state: RunState, step: int, out: Path, preset: str, write: Callable[[int], None]) -> None:
    # The model first: a run that goes on reads it wherever there is a state.
    with state.ema.applied():
        stage.settle()
        write(step)
    checkpoint.save(out, step, state, preset)


def _not_a_number(batch: object, parts: dict[str, float], out: Path) -> CyberHostError:
    path = out / "nan-batch.safetensors"
    checkpoint.write_tensors(path, _tensors(batch), {name: str(part) for name, part in parts.items()})
    return CyberHostError(
        f"the loss or its gradient is no number any more ({parts})",
        f"the batch is in `{path}`; start again with the same folder to go on from the last saved state, "
        "and a lower training.learning_rate",
    )


def _tensors(batch: object) -> dict[str, Tensor]:
    named = {field.name: getattr(batch, field.name) for field in fields(batch)}  # type: ignore[arg-type]
    return {name: each for name, each in named.items() if isinstance(each, Tensor)}


def _moved(batch: B, device: torch.device) -> B:
    moved = {name: each.to(device) for name, each in _tensors(batch).items()}
    return replace(batch, **moved)  # type: ignore[type-var]
