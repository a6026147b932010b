"""Where weights of others lie on this machine: in a folder of the user's, or in the cache of the hub."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from huggingface_hub import constants

from cyberhost_cli.config.inputs import StoreConfig
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights import catalogue
from cyberhost_cli.weights.catalogue import Entry, WeightsFile


def finder(config: StoreConfig) -> Callable[[str], Path]:
    """Return `locate` for the folder of models that a preset names."""
    return partial(locate, models=folder_of_models(config))


def folder_of_models(config: StoreConfig) -> Path | None:
    """Return the folder of models that a preset names, if any; `~` in it is the user's home."""
    return None if config.models is None else Path(config.models).expanduser()


def locate(name: str, models: Path | None) -> Path:
    """Return the folder that holds all files of some weights; nothing is fetched.

    Args:
        name: an entry of the catalogue, or the path of a folder of the user's own.
        models: folder with one folder for each entry, looked into before the cache of the hub.

    Raises:
        CheckpointError: no such entry, or its files are not all here, whole.
    """
    if Path(name).is_dir() and name not in {entry.name for entry in catalogue.ENTRIES}:
        return Path(name)
    entry = catalogue.find(name)
    folder = held(entry, models)
    if folder is None:
        raise CheckpointError(*_absence(entry, models))
    return folder


def held(entry: Entry, models: Path | None) -> Path | None:
    """Return the first folder that lacks nothing of an entry, None if there is none."""
    return next((folder for folder in _folders(entry, models) if not lacking(entry, folder)), None)


def place(entry: Entry, models: Path | None) -> Path:
    """Return the folder that an entry's files belong in: within `models`, else in the cache of the hub."""
    return _folders(entry, models)[0]


def lacking(entry: Entry, folder: Path) -> list[WeightsFile]:
    """Return the files of an entry that are not in a folder, or have another size there."""
    return [file for file in entry.files if not _fits(folder / file.name, file)]


def fault(entry: Entry, models: Path | None) -> str:
    """Word what is wrong with an entry that is not here, or not whole, as `are not on this machine`."""
    begun = next((folder for folder in _folders(entry, models) if folder.is_dir()), None)
    if begun is None:
        return "are not on this machine"
    file = lacking(entry, begun)[0]
    size = _size(begun / file.name)
    found = f"has {size} bytes, expected {file.size}" if size is not None else "is not there"
    return f"are not whole: `{begun / file.name}` {found}"


def cached_repository(entry: Entry) -> Path:
    """Return where huggingface_hub keeps all that it has of an entry's repository."""
    return Path(constants.HF_HUB_CACHE) / f"models--{entry.repo.replace('/', '--')}"


def _folders(entry: Entry, models: Path | None) -> list[Path]:
    cached = cached_repository(entry) / "snapshots" / _revision(entry) / entry.folder
    return [cached] if models is None else [models / entry.name, cached]


def _revision(entry: Entry) -> str:
    """Return the commit of an entry, or else the one that was last fetched."""
    if entry.revision is not None:
        return entry.revision
    try:
        return (cached_repository(entry) / "refs" / entry.asked).read_text(encoding="utf-8").strip()
    except OSError:
        return entry.asked


def _fits(path: Path, file: WeightsFile) -> bool:
    """Tell whether a file is there, and whole as far as its size tells."""
    size = _size(path)
    if size is None or file.sha256 is not None:
        return size == file.size
    # What Git leaves in place of large files has some hundred bytes.
    return size > file.size / 2


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _absence(entry: Entry, models: Path | None) -> tuple[str, str]:
    """Word the message and the hint for an entry that is not here, or not whole."""
    message = f"the weights `{entry.name}` {fault(entry, models)}"
    command = f"cyberhost weights fetch {entry.name}" + (f" --to {models}" if models else "")
    told = f"{entry.megabytes} MB, {entry.licence}"
    if not entry.fetchable:
        return message, f"{by_hand(entry, models)} ({told})"
    return message, f"fetch them with `{command}` ({told}), or {by_hand(entry, models)}"


def by_hand(entry: Entry, models: Path | None) -> str:
    """Word how somebody brings the files of an entry."""
    names = ", ".join(f"`{file.name}`" for file in entry.files)
    where = (
        f"`{models / entry.name}`" if models else f"a folder `{entry.name}` within the one that `store.models` names"
    )
    return f"put {names} into {where}" if entry.fetchable else f"put {names} of `{entry.page}` into {where}"
