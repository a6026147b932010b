"""What a checkpoint says of itself, read without its weights."""

import json
import struct
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights.layout import Layout, read_layout

FORMAT = "cyberhost checkpoint 4"
KEY = "cyberhost"
"""Key of the file's metadata."""
CLARITY_HALF = "hand_clarity_half"
_SHOWN = 100
"""Letters of seeds that are shown at most; files of before list that of every actor."""


@dataclass(frozen=True)
class Effort:
    """What a stage of training took, and how far it came."""

    hardware: str
    """As `1x NVIDIA H100 80GB HBM3` or `cpu, 2 threads`."""
    hours: float
    """Of training alone, over all runs."""
    losses: dict[str, float]
    """Smoothed, at the end."""
    seeds: str
    """What `cyberhost synth` was given, and how many clips of each, where the clips were rendered."""


@dataclass(frozen=True)
class Ancestor:
    """An earlier stage of training."""

    stage: str
    steps: int
    data: str
    effort: Effort | None
    sha256: str
    """Content hash of the weights that it left."""


@dataclass(frozen=True)
class Lineage:
    """Where weights come from."""

    stage: str
    """Last stage of training, or `imported`."""
    steps: int
    """Steps of that stage."""
    data: str
    """What it was trained on."""
    made_from: tuple[str, ...]
    """Files of others, as `source:file:sha256`."""
    trained: bool
    """Whether the weights are fit to generate."""
    licence: str
    """What whoever has the weights may do with them."""
    effort: Effort | None = None
    """None for weights that were not trained here."""
    history: tuple[Ancestor, ...] = ()
    """Stages before, oldest first."""


@dataclass(frozen=True)
class Checkpoint:
    """What a file says of itself."""

    config: ModelConfig
    lineage: Lineage
    sha256: str
    """Content hash of the weights, as it was when they were written."""
    parameters: int
    dtype: str
    """Of most of them, as safetensors names it."""


def read_header(path: Path) -> Checkpoint:
    """Read what a checkpoint says of itself.

    Raises:
        CheckpointError: no such file, not a checkpoint of this program, or one of another version.
    """
    layout, told = _read(path)
    try:
        config = ModelConfig.model_validate(told["config"])
        sha256, lineage = str(told["sha256"]), _lineage(told["lineage"])
    except ValidationError as error:
        raise CheckpointError(
            f"`{path}` describes a model that this version does not know",
            "use the version of cyberhost that wrote it, or train or import it again",
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    held: Counter[str] = Counter()
    for tensor in layout.tensors:
        held[tensor.dtype] += tensor.numbers
    return Checkpoint(config, lineage, sha256, held.total(), held.most_common(1)[0][0])


def read_clarity_half(path: Path) -> float | None:
    """Read which deviation of a hand's crop scores one half; None where no hand was seen in training yet.

    Raises:
        CheckpointError: as `read_header`.
    """
    layout, _ = _read(path)
    place = next((tensor.start for tensor in layout.tensors if tensor.name == CLARITY_HALF), None)
    if place is None:
        raise _damaged(path)
    with path.open("rb") as file:
        file.seek(place)
        half: float = struct.unpack("<f", file.read(4))[0]
    return half or None


def describe(path: Path) -> dict[str, Any]:
    """Return what `cyberhost weights show` prints."""
    header = read_header(path)
    return {
        "path": str(path),
        "sha256": header.sha256,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "parameters": header.parameters,
        "dtype": header.dtype,
        "lineage": _shown(header.lineage),
        "config": header.config.model_dump(mode="json"),
    }


def check_model(path: Path, found: ModelConfig, expected: ModelConfig) -> None:
    """Refuse weights of another model than a preset describes.

    Raises:
        CheckpointError: the configs differ; the first key that does is named.
    """
    if found != expected:
        differing = _difference(found.model_dump(), expected.model_dump())
        raise CheckpointError(
            f"`{path}` holds another model than the preset describes: {differing}",
            "use the preset that it was trained with, or leave its `model` section as it is",
        )


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


def _shown(lineage: Lineage) -> dict[str, Any]:
    """Return all of it, but for long lists of seeds."""
    told = asdict(lineage)
    for effort in (told["effort"], *(before["effort"] for before in told["history"])):
        if effort is not None and len(effort["seeds"]) > _SHOWN:
            effort["seeds"] = f"{effort['seeds'].count(',') + 1} seeds, listed in the file"
    return told


def _lineage(facts: dict[str, Any]) -> Lineage:
    history = tuple(Ancestor(**before | {"effort": _effort(before["effort"])}) for before in facts["history"])
    parts = {"made_from": tuple(facts["made_from"]), "effort": _effort(facts["effort"]), "history": history}
    return Lineage(**facts | parts)


def _effort(facts: dict[str, Any] | None) -> Effort | None:
    return None if facts is None else Effort(**facts)


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(f"`{path}` is damaged: it does not say what it holds", "train or import it again")


def _read(path: Path) -> tuple[Layout, dict[str, Any]]:
    """Return where the tensors lie, and what is said of them."""
    if not path.is_file():
        raise CheckpointError(
            f"no weights at `{path}`", "name a file of `cyberhost train` or `cyberhost weights import`"
        )
    layout = read_layout(path)
    if KEY not in layout.metadata:
        raise CheckpointError(
            f"`{path}` holds weights, but is no checkpoint of cyberhost",
            "weights of others become one with `cyberhost weights import`",
        )
    try:
        told = dict(json.loads(layout.metadata[KEY]))
        found = told["format"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if found != FORMAT:
        raise CheckpointError(
            f"`{path}` has the format {found}, expected {FORMAT}",
            "another version of cyberhost wrote it: train or import it again",
        )
    return layout, told
