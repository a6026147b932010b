"""State of a training run on disk: all that is needed to go on as if nothing had happened."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from cyberhost_cli.errors import UsageError
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.training.distributed import Processes, fill, whole
from cyberhost_cli.training.ema import Ema

KEPT = 2
"""States that stay on disk."""


@dataclass(frozen=True)
class RunState:
    """What changes from step to step; chance does not, since each step draws it anew from its number."""

    model: nn.Module
    parameters: Mapping[str, nn.Parameter]
    ema: Ema
    optimiser: torch.optim.Optimizer


@dataclass(frozen=True)
class Reached:
    """How far a run is."""

    step: int
    seconds: float
    """Of training."""
    diary: dict[str, Any]


def states(folder: Path) -> list[Path]:
    """Return the saved states, the newest last."""
    return sorted(folder.glob("state-*.safetensors"))


def save(folder: Path, reached: Reached, state: RunState, preset: str, processes: Processes) -> None:
    """Write the state whole or not at all; `preset` names what the run was started with.

    What several processes hold shards of is put together, so that other numbers of processes can go on.
    """
    tensors = {name: each.to("cpu", copy=True) for name, each in whole(dict(_flatten(state))) if processes.first}
    if not processes.first:
        return
    told = {"step": str(reached.step), "preset": preset, "seconds": str(reached.seconds)}
    path = folder / f"state-{reached.step:08d}.safetensors"
    write_tensors(path, tensors, told | {"diary": json.dumps(reached.diary)})
    for old in states(folder)[:-KEPT]:
        old.unlink()


def resume(folder: Path, state: RunState, preset: str) -> Reached:
    """Put the newest saved state back, if there is one.

    Raises:
        UsageError: The folder holds the run of another preset.
    """
    saved = states(folder)
    if not saved:
        return Reached(0, 0.0, {})
    with safe_open(saved[-1], framework="pt") as file:
        metadata = file.metadata()
        if metadata.get("preset") != preset:
            raise UsageError(
                f"`{folder}` holds a training run of another preset or start",
                "go on with what it was started with, or choose another folder for the run",
            )
        _restore(state, {name: file.get_tensor(name) for name in file.offset_keys()})
    return Reached(int(metadata["step"]), float(metadata["seconds"]), json.loads(metadata["diary"]))


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name and move it into place."""
    with atomic_file(path) as part:
        save_file({name: each.contiguous() for name, each in tensors.items()}, part, metadata)


def _flatten(state: RunState) -> Iterator[tuple[str, Tensor]]:
    for name, each in state.model.state_dict().items():
        yield f"model.{name}", each
    for name, each in state.ema.averages.items():
        yield f"ema.{name}", each
    for name, parameter in state.parameters.items():
        for moment, value in state.optimiser.state[parameter].items():
            # The optimiser in 8 bits counts its steps in Python.
            yield f"optimiser.{moment}.{name}", torch.as_tensor(value)


def _restore(state: RunState, tensors: Mapping[str, Tensor]) -> None:
    for name, each in state.model.state_dict().items():
        fill(each, tensors[f"model.{name}"])
    for name, each in state.ema.averages.items():
        fill(each, tensors[f"ema.{name}"])
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "optimiser":
            moment, _, name = rest.partition(".")
            parameter = state.parameters[name]
            state.optimiser.state[parameter][moment] = _moment(value, parameter)


def _moment(value: Tensor, parameter: nn.Parameter) -> Tensor | int:
    """Return what an optimiser keeps of a parameter, where the parameter lies."""
    if not value.is_floating_point() and value.ndim == 0:
        return int(value)
    if value.shape != parameter.shape or not value.is_floating_point():
        return value.to(parameter.device)
    moment = torch.zeros_like(parameter, requires_grad=False)
    fill(moment, value)
    return moment
