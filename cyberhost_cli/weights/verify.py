"""Whether weights on this machine are still what they were when they were written or published."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.store import files
from cyberhost_cli.errors import PresetError
from cyberhost_cli.weights import catalogue, store
from cyberhost_cli.weights.digest import Advance, hash_content, hash_file
from cyberhost_cli.weights.header import read_header

Progress = Callable[[int, int], None]
"""Takes the bytes that are read and those in all."""


@dataclass(frozen=True)
class Subject:
    """A file, and the hash that it must have."""

    path: Path
    sha256: str | None
    """None where it is not known."""
    hash: Callable[[Path, Advance], str]


@dataclass(frozen=True)
class Verdict:
    """A file that was looked at."""

    path: Path
    ok: bool | None
    """Whether it is what it was; none where nobody knows what that is."""


def subjects(names: Sequence[str], models: Path | None) -> list[Subject]:
    """List the files to look at: checkpoints by path, weights of others by name; without any, all that lie here.

    Raises:
        CheckpointError: there is no such file or name, or a file cannot be read as what it should be.
    """
    if not names:
        return [*_held(models), *map(_checkpoint, _checkpoints())]
    known = {entry.name for entry in catalogue.ENTRIES}
    found: list[Subject] = []
    for name in names:
        if name in known:
            found += _entry(catalogue.find(name), store.locate(name, models))
        else:
            found.append(_checkpoint(Path(name)))
    return found


def verify(chosen: Sequence[Subject], progress: Progress) -> Iterator[Verdict]:
    """Yield a verdict on each file once it is read."""
    total, done = sum(subject.path.stat().st_size for subject in chosen if subject.sha256), 0

    def advance(read: int) -> None:
        nonlocal done
        done += read
        progress(done, total)

    for subject in chosen:
        known = subject.sha256 is not None
        yield Verdict(subject.path, subject.hash(subject.path, advance) == subject.sha256 if known else None)


def _checkpoint(path: Path) -> Subject:
    return Subject(path, read_header(path).sha256, hash_content)


def _entry(entry: catalogue.Entry, folder: Path) -> list[Subject]:
    return [Subject(folder / file.name, file.sha256, hash_file) for file in entry.files]


def _held(models: Path | None) -> Iterator[Subject]:
    for entry in catalogue.ENTRIES:
        folder = store.held(entry, models)
        if folder is not None:
            yield from _entry(entry, folder)


def _checkpoints() -> list[Path]:
    """List the checkpoints of all presets, as far as they are here."""
    found: dict[Path, None] = {}
    for name in files():
        # `cyberhost presets check` tells what is wrong with a preset; its weights are not known then.
        with suppress(PresetError):
            path = load_preset(name).checkpoint
            if path is not None and path.is_file():
                found[path] = None
    return list(found)
