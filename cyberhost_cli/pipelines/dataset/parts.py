"""Parts: what became of each film, kept until it lies in shards, so that a stopped run goes on there."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import InputError
from cyberhost_cli.media import shards
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.pipelines.dataset.derive import derive
from cyberhost_cli.pipelines.dataset.piece import Dropped, Piece
from cyberhost_cli.pipelines.dataset.sources import Source

UNREADABLE, UNUSABLE = "unreadable", "unusable"
"""Why a film is dropped of which something is damaged, and a piece that lacks what the model learns from."""


@dataclass(frozen=True)
class Kept:
    """A sample of a part."""

    name: str
    frames: int
    size: int
    """Of its blocks in a shard."""


@dataclass(frozen=True)
class Part:
    """What became of a film: its samples, one after the other in the part's file, and what was dropped."""

    samples: tuple[Kept, ...]
    dropped: tuple[Dropped, ...]


def make(place: Path, source: Source, loaded: LoadedPreset) -> Part:
    """Derive the samples of a film into files at `place`; their list last, with which the part is whole."""
    samples: list[Kept] = []
    dropped: list[Dropped] = []
    with atomic_file(_blocks(place), sync=False) as temporary, temporary.open("wb") as file:
        for found in _derived(source, loaded):
            if isinstance(found, Dropped):
                dropped.append(found)
            else:
                blocks = shards.pack(found.name, found.members)
                samples.append(Kept(found.name, found.frames, file.write(blocks)))
    with atomic_file(_list(place), sync=False) as temporary:
        told = {"samples": [asdict(each) for each in samples], "dropped": [asdict(each) for each in dropped]}
        temporary.write_text(json.dumps(told), encoding="utf-8")
    return Part(tuple(samples), tuple(dropped))


def read(place: Path) -> Part | None:
    """Return what `make` left; None where it was stopped, or the machine was before all was on the disk."""
    try:
        told = json.loads(_list(place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    samples, blocks = tuple(Kept(**each) for each in told["samples"]), _blocks(place)
    # Where there are none they lie in shards.
    if blocks.exists() and blocks.stat().st_size != sum(each.size for each in samples):
        return None
    return Part(samples, tuple(Dropped(**each) for each in told["dropped"]))


def read_blocks(place: Path, offset: int, size: int) -> bytes:
    """Return the blocks of a sample."""
    with _blocks(place).open("rb") as file:
        file.seek(offset)
        return file.read(size)


def forget_blocks(place: Path) -> None:
    """Remove the samples of a part, which lie in shards now."""
    _blocks(place).unlink(missing_ok=True)


@dataclass(frozen=True)
class _Derived:
    """A sample before it is packed."""

    name: str
    frames: int
    members: Mapping[str, bytes]


def _derived(source: Source, loaded: LoadedPreset) -> Iterator[_Derived | Dropped]:
    """Yield what a film gives; what cannot be read is dropped, for one film shall not stop the others."""
    try:
        for found in source.examine(loaded):
            yield found if isinstance(found, Dropped) else _derive(found, loaded)
    except InputError as error:
        yield Dropped(source.path.stem, source.path.name, 0.0, UNREADABLE, error.message)


def _derive(piece: Piece, loaded: LoadedPreset) -> _Derived | Dropped:
    frames = len(piece.frames)
    try:
        # A dot in a name would end it, as WebDataset reads them.
        return _Derived(piece.name.replace(".", "-"), frames, derive(piece, loaded.preset))
    except InputError as error:
        return Dropped(piece.name, piece.source, frames / loaded.preset.fps, UNUSABLE, error.message)


def _blocks(place: Path) -> Path:
    return place.with_suffix(".blocks")


def _list(place: Path) -> Path:
    return place.with_suffix(".json")
