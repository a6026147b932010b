"""`dataset.json`: what a dataset was made for and where its samples are."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import InputError
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.shards import Member
from cyberhost_cli.pipelines.dataset.derive import FORMAT

INDEX = "dataset.json"
UNFINISHED = ".unfinished"
"""Folder within a dataset of what is not yet in shards."""

_CLIPS = Path("CLIPS")

Facts = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One sample in a shard."""

    name: str
    frames: int
    film: Member
    arrays: Member
    facts: Member


@dataclass(frozen=True)
class Shard:
    """One file of samples."""

    file: str
    bytes: int
    samples: tuple[Entry, ...]


@dataclass(frozen=True)
class Index:
    """What `dataset.json` holds."""

    made_for: Facts
    """What of the preset the samples depend on."""
    job: str
    """Names the films and the preset that it was made of."""
    shards: tuple[Shard, ...]


def made_for(preset: Preset) -> Facts:
    """Return what of a preset samples depend on."""
    return {
        "format": FORMAT,
        "fps": preset.fps,
        "picture": preset.picture.model_dump(include={"width", "height", "face_size", "hand_size"}),
        "speech": preset.speech.model_dump(exclude={"activity", "min_seconds", "max_seconds"}),
        "factor": preset.model.autoencoder.factor,
        "embedder": None if preset.model.identity_features is None else preset.detection.embedder,
    }


def write(folder: Path, index: Index) -> None:
    """Write the index, with which a dataset is whole."""
    with atomic_file(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(asdict(index), separators=(",", ":")), encoding="utf-8")


def read(folder: Path) -> Index:
    """Read the index of a dataset.

    Raises:
        InputError: no dataset, one that is not finished, or a damaged one.
    """
    if not (folder / INDEX).is_file():
        raise _absence(folder)
    try:
        told = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return Index(told["made_for"], told["job"], tuple(_shard(each) for each in told["shards"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"`{folder / INDEX}` is damaged, or of another version", f"make it again, as {_command(_CLIPS)}"
        ) from error


def check(folder: Path, index: Index, preset: Preset) -> None:
    """Refuse a dataset of another preset's shape, or one that lacks a shard.

    Raises:
        InputError: with the first thing that does not fit.
    """
    wanted, found = _flat(made_for(preset)), _flat(index.made_for)
    for key in wanted | found:
        have, want = found.get(key), wanted.get(key)
        if have != want:
            raise InputError(
                f"the dataset `{folder}` was made with {key} {have}, the preset has {want}",
                f"make another with this preset, as {_command(_CLIPS)}",
            )
    for shard in index.shards:
        path = folder / shard.file
        if not path.is_file() or path.stat().st_size != shard.bytes:
            raise InputError(f"`{path}` is missing or cut off", "copy the dataset again, or make it again")


def _absence(folder: Path) -> InputError:
    if not folder.is_dir():
        return InputError(f"there is no folder `{folder}`", f"make a dataset, as {_command(_CLIPS)}")
    if (folder / UNFINISHED).is_dir():
        return InputError(
            f"the dataset `{folder}` is not finished", "give the command that makes it once more: it goes on"
        )
    if any(folder.glob("*.mp4")):
        return InputError(f"`{folder}` holds clips, not a dataset", f"make one of them with {_command(folder)}")
    return InputError(f"`{folder}` holds no dataset", f"make one, as {_command(_CLIPS)}")


def _command(clips: Path) -> str:
    return f"`cyberhost preprocess {clips} --dataset -o DATASET --preset PRESET`"


def _shard(told: Facts) -> Shard:
    return Shard(told["file"], told["bytes"], tuple(_entry(each) for each in told["samples"]))


def _entry(told: Facts) -> Entry:
    members = {name: Member(**told[name]) for name in ("film", "arrays", "facts")}
    return Entry(told["name"], told["frames"], **members)


def _flat(facts: Facts, above: str = "") -> Facts:
    """Return nested facts under dotted keys, as a preset's fields are named."""
    flat: Facts = {}
    for key, value in facts.items():
        flat |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return flat
