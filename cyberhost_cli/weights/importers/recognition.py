"""Which file is which part of a source, told by the keys that it holds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cyberhost_cli.errors import CheckpointError, UsageError
from cyberhost_cli.weights import store
from cyberhost_cli.weights.importers.accounting import Shapes, list_keys
from cyberhost_cli.weights.importers.files import open_tensors
from cyberhost_cli.weights.importers.table import Part, Source


@dataclass(frozen=True)
class Found:
    """The file of a part."""

    part: Part
    path: Path
    shapes: Shapes


def recognise(source: Source, paths: Sequence[Path], models: Path | None) -> Mapping[str, Found]:
    """Return the file of each part, by its name.

    Args:
        source: whose parts are sought.
        paths: files, and folders within which those with the published names are looked at.
        models: folder with weights that were fetched, as `store.models` of a preset; what `paths` lack comes from
            there or from the cache of the hub.

    Raises:
        CheckpointError: a needed part is not there, or a file is no part.
        UsageError: a path does not exist, or two files are one part.
    """
    found: dict[str, Found] = {}
    for path, chosen in _candidates(source, paths):
        candidate = _recognise(source, path)
        if candidate is None:
            if chosen:
                raise _stranger(source, path)
            continue
        other = found.setdefault(candidate.part.name, candidate)
        if other is not candidate:
            raise UsageError(
                f"`{other.path}` and `{path}` both hold the {candidate.part.name}", "name the one that you want"
            )
    for part in source.parts:
        if part.name not in found and (stored := _stored(source, part, models)) is not None:
            found[part.name] = stored
    return found


def _candidates(source: Source, paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """Yield files, and whether they were named themselves."""
    published = {name for part in source.parts for name in part.files}
    for path in paths:
        if path.is_file():
            yield path, True
        elif path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.name in published and file.is_file())
            if not files:
                names = ", ".join(f"`{name}`" for name in sorted(published))
                raise UsageError(f"`{path}` holds no file of `{source.name}`", f"they are called {names}")
            yield from ((file, False) for file in files)
        else:
            raise UsageError(f"there is no `{path}`", "give files or folders that exist")


def _recognise(source: Source, path: Path) -> Found | None:
    with open_tensors(path) as tensors:
        shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    part = next((part for part in source.parts if part.holds(shapes)), None)
    return None if part is None else Found(part, path, shapes)


def _stored(source: Source, part: Part, models: Path | None) -> Found | None:
    """Return the file of a part that was fetched.

    Raises:
        CheckpointError: a needed one is not there.
    """
    try:
        path = store.locate(part.entry, models) / part.files[0]
    except CheckpointError as error:
        if not part.needed:
            return None
        raise CheckpointError(
            f"`{source.name}` lacks its {part.name}: {error.message}", f"name its file, or {error.hint}"
        ) from error
    stored = _recognise(source, path)
    if stored is None or stored.part is not part:
        raise _stranger(source, path)
    return stored


def _stranger(source: Source, path: Path) -> CheckpointError:
    with open_tensors(path) as tensors:
        held = list_keys(tensors)
    parts = ", ".join(part.name for part in source.parts)
    return CheckpointError(f"`{path}` is no part of `{source.name}`: it holds {held}", f"the parts are: {parts}")
