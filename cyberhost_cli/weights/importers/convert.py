"""From the files of others to a checkpoint, one tensor at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.errors import CheckpointError, UsageError
from cyberhost_cli.weights import catalogue
from cyberhost_cli.weights.blank import BlankModel
from cyberhost_cli.weights.digest import hash_file
from cyberhost_cli.weights.header import Lineage
from cyberhost_cli.weights.importers.accounting import Account, account
from cyberhost_cli.weights.importers.files import open_tensors
from cyberhost_cli.weights.importers.recognition import Found
from cyberhost_cli.weights.importers.table import Source
from cyberhost_cli.weights.mapped import in_turn
from cyberhost_cli.weights.writer import DTYPES, write_checkpoint

Progress = Callable[[int, int], None]
"""Takes the bytes that are done and those in all."""


@dataclass(frozen=True)
class Import:
    """What was done."""

    used: Mapping[str, int]
    """Keys by the path of their file."""
    dropped: Mapping[str, int]
    """Keys by the reason."""
    fresh: Mapping[str, int]
    """Tensors by what they are."""


def convert(
    source: Source,
    found: Mapping[str, Found],
    config: ModelConfig,
    out: Path,
    dtype: torch.dtype,
    progress: Progress,
) -> Import:
    """Write the checkpoint that the files of a source make.

    Args:
        source: the table to follow.
        found: file of each part, by its name.
        config: of the model that they are for.
        out: where to write.
        dtype: what to write in.
        progress: takes bytes done and bytes in all.

    Raises:
        CheckpointError: the files do not fit the table, or their values `dtype`.
        UsageError: `out` is one of the files.
    """
    _check_apart(found, out)
    blank = BlankModel(config)
    accounted = account(source, {name: file.shapes for name, file in found.items()}, blank.shapes)
    written = sum(map(prod, blank.shapes.values())) * dtype.itemsize
    total, done = written + sum(file.path.stat().st_size for file in found.values()), 0

    def advance(step: int) -> None:
        nonlocal done
        done += step
        progress(done, total)

    lineage = _lineage(source, found, advance)

    def tensors() -> Iterator[tuple[str, Tensor]]:
        for name, tensor in _values(found, accounted, blank, dtype):
            yield name, tensor
            advance(tensor.numel() * dtype.itemsize)

    write_checkpoint(out, config, lineage, blank.shapes, dtype, tensors())
    return Import(
        {str(found[name].path): len(moves) for name, moves in accounted.moves.items() if moves},
        Counter(why for dropped in accounted.dropped.values() for why in dropped.values()),
        Counter(fresh.how for fresh in accounted.fresh.values()),
    )


def _check_apart(found: Mapping[str, Found], out: Path) -> None:
    """Refuse to write over what is read, which may lie in a folder and be named nowhere.

    Raises:
        UsageError: `out` is one of the files.
    """
    for file in found.values():
        if out.exists() and out.samefile(file.path):
            raise UsageError(
                f"`{out}` is the {file.part.name} that is read, and would be overwritten", "name another file with `-o`"
            )


def _lineage(source: Source, found: Mapping[str, Found], advance: Callable[[int], None]) -> Lineage:
    """Say where the weights come from, and under which licences."""
    files = [
        (catalogue.find(file.part.entry), f"{file.path.name}:{hash_file(file.path, advance)}")
        for file in found.values()
    ]
    return Lineage(
        stage="imported",
        steps=0,
        data=source.description,
        made_from=tuple(f"{entry.name}:{file}" for entry, file in files),
        trained=source.trained,
        licence="; ".join(dict.fromkeys(f"{entry.name}: {entry.licence}" for entry, _ in files)),
    )


def _values(
    found: Mapping[str, Found], accounted: Account, blank: BlankModel, dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    for name, moves in accounted.moves.items():
        for key, tensor in _read(found[name].path, moves, dtype):
            for target in moves[key]:
                yield target, tensor
    # The same files make the same weights.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for target, fresh in accounted.fresh.items():
            initial = blank.initial(target)
            yield target, initial if fresh.value is None else torch.full_like(initial, fresh.value)


def _read(path: Path, keys: Mapping[str, object], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a file in `dtype`."""
    for key, tensor in in_turn(keys, partial(open_tensors, path)):
        yield key, _cast(tensor, key, path, dtype)


def _cast(tensor: Tensor, key: str, path: Path, dtype: torch.dtype) -> Tensor:
    """Return a copy in `dtype`.

    Raises:
        CheckpointError: some values are no real numbers, or not in `dtype`.
    """
    if not tensor.is_floating_point():
        raise CheckpointError(
            f"`{path}` holds more than plain weights: `{key}` is {_name(tensor.dtype)}",
            "give the file as it was published",
        )
    cast = tensor.to(dtype, copy=True)
    if cast.isfinite().all():
        return cast
    if not tensor.double().isfinite().all():
        raise CheckpointError(f"`{key}` in `{path}` has values that are no numbers", "fetch the file again")
    fitting = [_name(other) for other in reversed(DTYPES) if tensor.to(other).isfinite().all()]
    raise CheckpointError(
        f"`{key}` in `{path}` has values too large for {_name(dtype)}",
        f"write in another one with `--dtype {fitting[0]}`" if fitting else "no `--dtype` holds them: fetch it again",
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
