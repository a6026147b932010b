"""People found in a video, kept piece by piece, so that a stopped run goes on and a finished one is not done again."""

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

from cyberhost_cli.errors import CyberHostError, InputError
from cyberhost_cli.media import cache
from cyberhost_cli.media.people import read_people, write_people
from cyberhost_cli.types import Person

logger = logging.getLogger(__name__)

TRACKS = "tracks"
"""Folder within the cache, with a folder for each video."""


class Pieces:
    """The pieces of one video: so many frames each, and a last one of fewer, or none, that says the video is done."""

    def __init__(self, key: str, frames: int, megabytes: int) -> None:
        self._folder = cache.folder() / TRACKS / key
        self._frames = frames
        self._bound = megabytes * 10**6
        self._kept = 0
        self._wanted = megabytes > 0

    def read(self) -> tuple[list[list[Person]], bool]:
        """Return what was found in the pieces that are there, from the first on, and whether it is all."""
        found: list[list[Person]] = []
        with suppress(InputError, OSError):  # One that is damaged is found again, like one that is not there.
            while self._wanted:
                piece = read_people(self._path(self._kept))
                found += piece
                self._kept += 1
                if len(piece) < self._frames:
                    os.utime(self._folder)
                    return found, True
        return found, False

    def keep(self, found: list[list[Person]], whole: bool) -> None:
        """Write the pieces of what was found so far that are not yet written; with `whole` the last one too.

        What was not used for the longest time goes when there is too much.
        """
        while self._wanted and len(found) >= (self._kept + 1) * self._frames:
            self._write(found[self._kept * self._frames :][: self._frames])
        if self._wanted and whole:
            self._write(found[self._kept * self._frames :])
            # Nothing was written where nothing can be, and then there is no folder to look through.
            if self._wanted:
                self._shrink()

    def _write(self, piece: list[list[Person]]) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_people(self._path(self._kept), piece)
            self._kept += 1
        except (CyberHostError, OSError) as error:
            self._wanted = False
            logger.warning(
                "a run that is stopped will start anew: nothing can be kept in `%s` (%s); "
                "set `%s` to a folder that can be written",
                self._folder,
                error,
                cache.VARIABLE,
            )

    def _shrink(self) -> None:
        total = 0
        for folder in sorted(self._folder.parent.iterdir(), key=_last_use, reverse=True):
            # Another process may be removing it just now.
            with suppress(FileNotFoundError):
                total += sum(file.stat().st_size for file in folder.iterdir())
            if total > self._bound:
                shutil.rmtree(folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.safetensors"


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
