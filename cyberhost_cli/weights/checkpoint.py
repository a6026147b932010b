"""Checkpoints: one safetensors file that carries its own model config and lineage."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.source import file_hash
from cyberhost_cli.models.cyberhost import CyberHost

FORMAT = "cyberhost checkpoint 1"
_KEY = "cyberhost"
# One key, since safetensors writes several in an order that changes from run to run.


@dataclass(frozen=True)
class Lineage:
    """Where weights come from."""

    stage: str
    """Last stage of training."""
    steps: int
    """Steps of that stage."""
    data: str
    """What it was trained on."""
    made_from: tuple[str, ...]
    """The stages before it, as `stage:steps:sha256`, oldest first."""
    trained: bool
    """Whether the weights are fit to generate."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file says of itself, and its hash."""

    config: ModelConfig
    lineage: Lineage
    sha256: str
    parameters: int


def save_checkpoint(path: Path, model: CyberHost, lineage: Lineage) -> None:
    """Write the weights as float16, under a temporary name and then in place."""
    tensors = {name: tensor.to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}
    header = {"format": FORMAT, "config": model.config.model_dump(), "lineage": asdict(lineage)}
    with atomic_file(path) as temporary:
        temporary.write_bytes(save(tensors, {_KEY: json.dumps(header)}))


def read_header(path: Path) -> Checkpoint:
    """Read what a checkpoint says of itself.

    Raises:
        CheckpointError: no such file, or not a checkpoint of this program.
    """
    metadata = _metadata(path)
    with safe_open(path, framework="pt") as file:
        parameters = sum(torch.Size(file.get_slice(key).get_shape()).numel() for key in file.offset_keys())
    lineage = Lineage(**{**metadata["lineage"], "made_from": tuple(metadata["lineage"]["made_from"])})
    return Checkpoint(ModelConfig.model_validate(metadata["config"]), lineage, file_hash(path), parameters)


def _metadata(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"no weights at `{path}`", "train them with `cyberhost train`, or choose another preset")
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, Any] = json.loads((file.metadata() or {}).get(_KEY, "{}"))
    except SafetensorError as error:
        raise CheckpointError(f"`{path}` is not a safetensors file: {error}", "fetch or train it again") from error
    if metadata.get("format") != FORMAT:
        found = metadata.get("format", "none")
        raise CheckpointError(
            f"`{path}` has format {found}, expected {FORMAT}", "name a checkpoint of `cyberhost train`"
        )
    return metadata


def load_model(path: Path, expected: ModelConfig | None = None) -> CyberHost:
    """Load the weights in float32, strictly.

    Raises:
        CheckpointError: as `read_header`; or its model config is not the one `expected`.
    """
    header = read_header(path)
    if expected is not None and header.config != expected:
        differing = _difference(header.config.model_dump(), expected.model_dump())
        raise CheckpointError(
            f"`{path}` holds another model than the preset describes: {differing}",
            "use the preset that it was trained with, or leave its `model` section as it is",
        )
    model = CyberHost(header.config)
    with safe_open(path, framework="pt") as file:
        model.load_state_dict({key: file.get_tensor(key).float() for key in file.offset_keys()})
    return model.eval()


def read_clarity_half(path: Path) -> float | None:
    """Read which deviation of a hand's crop scores one half; None where no hand was seen in training yet.

    Raises:
        CheckpointError: as `read_header`.
    """
    _metadata(path)
    with safe_open(path, framework="pt") as file:
        half = float(file.get_tensor("hand_clarity_half"))
    return half or None


def describe(path: Path) -> dict[str, object]:
    """Return what `cyberhost weights show` prints."""
    header = read_header(path)
    return {
        "path": str(path),
        "sha256": header.sha256,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "parameters": header.parameters,
        "lineage": asdict(header.lineage),
        "config": header.config.model_dump(),
    }


def _difference(found: dict[str, object], expected: dict[str, object], prefix: str = "model") -> str:
    """Name the first key that differs."""
    for key, value in expected.items():
        name = f"{prefix}.{key}"
        other = found[key]
        if isinstance(value, dict) and isinstance(other, dict):
            if value != other:
                return _difference(other, value, name)
        elif value != other:
            return f"`{name}` is {other} in the file and {value} in the preset"
    raise AssertionError("configs are equal")
