"""What is kept between runs so that it need not be computed again, within a bound."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from cyberhost_cli import __version__
from cyberhost_cli.errors import CyberHostError, InputError
from cyberhost_cli.media.bundle import Parts, read_bundle, write_bundle

logger = logging.getLogger(__name__)

FORMAT = 2
"""Raised when the same files and settings give other results than before."""
VARIABLE = "CYBERHOST_CACHE"
"""Names another folder than the usual one."""


def folder() -> Path:
    """Return where things are kept; the folder need not exist."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    usual = os.environ.get("XDG_CACHE_HOME")
    return (Path(usual) if usual else Path.home() / ".cache") / "cyberhost"


class Cache:
    """Bundles by what they were made from; any number of processes may share one.

    Files come and go whole, by renaming, so that nobody reads half of one; whoever loses a race makes the bundle anew.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        self._bound = megabytes * 10**6

    def read(self, key: str) -> Parts | None:
        """Return what is kept under a key, if anything is; it counts as used just now."""
        if not self._bound:
            return None
        path = self._path(key)
        try:
            parts = read_bundle(path)
            os.utime(path)
        except (InputError, OSError):
            return None
        return parts

    def keep(self, key: str, parts: Parts) -> None:
        """Keep parts, unless the bound is 0; what was not used for the longest time goes when there is too much.

        A full disk or a folder that cannot be written to costs time in later runs, but not this one.
        """
        if not self._bound:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bundle(self._path(key), parts, "")
            self._shrink()
        except (CyberHostError, OSError) as error:
            logger.warning(
                "nothing is kept in `%s` (%s); set `%s` to a folder that can be written", self._folder, error, VARIABLE
            )

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.safetensors"

    def _shrink(self) -> None:
        """Remove the files that were not used for the longest time until the rest fits."""
        kept = sorted(self._files(), reverse=True)
        total = 0
        for _, size, path in kept:
            total += size
            if total > self._bound:
                path.unlink(missing_ok=True)

    def _files(self) -> list[tuple[float, int, Path]]:
        """List time of last use, size and path; another process may remove any of them meanwhile."""
        found = []
        for path in self._folder.glob("*.safetensors"):
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            found.append((state.st_mtime, state.st_size, path))
        return found


def key(source_hash: str, settings: Mapping[str, object]) -> str:
    """Name what a file becomes under settings; another version of cyberhost starts anew."""
    text = json.dumps([__version__, FORMAT, source_hash, settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
