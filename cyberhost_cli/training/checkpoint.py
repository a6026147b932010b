"""State of a training run on disk: all that is needed to go on as if nothing had happened."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from cyberhost_cli.errors import UsageError
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.training.ema import Ema

KEPT = 2
"""States that stay on disk."""


@dataclass(frozen=True)
class RunState:
    """What changes from step to step."""

    model: nn.Module
    ema: Ema
    optimiser: torch.optim.Optimizer
    generator: torch.Generator


def states(folder: Path) -> list[Path]:
    """Return the saved states, the newest last."""
    return sorted(folder.glob("state-*.safetensors"))


def save(folder: Path, step: int, state: RunState, preset: str) -> Path:
    """Write the state after `step` steps whole or not at all; `preset` names what the run was started with."""
    path = folder / f"state-{step:08d}.safetensors"
    write_tensors(path, _flatten(state), {"step": str(step), "preset": preset})
    for old in states(folder)[:-KEPT]:
        old.unlink()
    return path


def resume(folder: Path, state: RunState, preset: str) -> int:
    """Put the newest saved state back and return its step, 0 if there is none.

    Raises:
        UsageError: The folder holds the run of another preset.
    """
    saved = states(folder)
    if not saved:
        return 0
    with safe_open(saved[-1], framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
    if metadata["preset"] != preset:
        raise UsageError(
            f"`{folder}` holds a training run of another preset or start",
            "go on with what it was started with, or choose another folder for the run",
        )
    _restore(state, tensors)
    return int(metadata["step"])


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name and move it into place."""
    with atomic_file(path) as part:
        save_file({name: each.contiguous() for name, each in tensors.items()}, part, metadata)


def _flatten(state: RunState) -> dict[str, Tensor]:
    tensors = {f"model.{name}": each for name, each in state.model.state_dict().items()}
    tensors |= {f"ema.{name}": each for name, each in state.ema.averages.items()}
    for index, values in state.optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": each for name, each in values.items()}
    tensors["random.generator"] = state.generator.get_state()
    tensors["random.global"] = torch.get_rng_state()
    return tensors


def _restore(state: RunState, tensors: dict[str, Tensor]) -> None:
    state.model.load_state_dict(_below("model.", tensors))
    for name, average in _below("ema.", tensors).items():
        state.ema.averages[name].copy_(average)
    moments: dict[int, dict[str, Tensor]] = {}
    for key, each in _below("optimiser.", tensors).items():
        index, name = key.split(".")
        moments.setdefault(int(index), {})[name] = each
    groups = state.optimiser.state_dict()["param_groups"]
    state.optimiser.load_state_dict({"state": moments, "param_groups": groups})
    state.generator.set_state(tensors["random.generator"])
    torch.set_rng_state(tensors["random.global"])


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)}
