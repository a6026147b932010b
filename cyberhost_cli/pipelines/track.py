"""Track: a video becomes the poses of one person."""

import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from cyberhost_cli.config.inputs import DetectionConfig
from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import CyberHostError, InputError
from cyberhost_cli.media import cache
from cyberhost_cli.media.people import read_people, write_people
from cyberhost_cli.media.source import check_source, file_hash
from cyberhost_cli.media.video import probe, read_frames
from cyberhost_cli.pipelines.progress import Progress
from cyberhost_cli.pipelines.search import search
from cyberhost_cli.preprocess import gaps, one_euro
from cyberhost_cli.preprocess.follow import follow
from cyberhost_cli.types import (
    BODY,
    FACE,
    KEYPOINTS,
    LEFT_HAND,
    RIGHT_HAND,
    Frames,
    KeypointTrack,
    Person,
    VideoPoses,
)

logger = logging.getLogger(__name__)

CHUNK = 4
"""Frames that are handed to a process at once."""
TRACKS = "tracks"
"""Folder within the cache, with a folder for each video that was begun."""
GIVEN_UP = 30 * 24 * 3600.0
"""Seconds after which nobody goes on with a stopped run."""


def track_video(path: Path, loaded: LoadedPreset, progress: Progress) -> VideoPoses:
    """Find one person in every frame of a video; fill short gaps and smooth the motion.

    What was found is kept in the cache every `tracking.piece_frames` frames until all is done, so that a run that was
    stopped goes on there. Points below `detection.min_confidence` and beyond the picture are not known.

    Raises:
        InputError: the video cannot be read, or shows nobody.
    """
    preset = loaded.preset
    check_source(path, "video")
    info = probe(path)
    pieces = _Pieces(path, preset)
    found = _find(path, preset, pieces, info.frames, progress)
    people = follow(found, preset.picture.person, (info.height, info.width), info.fps)
    track = _sure(people, (info.height, info.width), preset.detection)
    track = gaps.fill(track, info.fps, preset.tracking.max_gap)
    track = one_euro.smooth(track, info.fps, preset.tracking)
    pieces.remove()
    return VideoPoses(track, info.fps, info.width, info.height)


def summarise(poses: VideoPoses) -> dict[str, Any]:
    """Return what JSON can hold of a track: its length and size, and the shares of its frames that show each part."""
    known = poses.keypoints[:, :, 2] > 0
    parts = {"body": BODY, "face": FACE, "left_hand": LEFT_HAND, "right_hand": RIGHT_HAND}
    seen = {name: float(known[:, part].any(axis=1).mean()) for name, part in parts.items()}
    return {"frames": len(known), "fps": poses.fps, "width": poses.width, "height": poses.height, "seen": seen}


class _Pieces:
    """What a stopped run found, in a folder of its own."""

    def __init__(self, path: Path, preset: Preset) -> None:
        self._frames = preset.tracking.piece_frames
        settings = {"detection": preset.detection.model_dump(), "frames": self._frames}
        self._folder = cache.folder() / TRACKS / cache.key(file_hash(path), settings)
        self._kept = 0
        self._wanted = preset.store.cache_megabytes > 0

    def read(self) -> list[list[Person]]:
        """Return what was found in the pieces that are there, from the first on."""
        found: list[list[Person]] = []
        try:
            while self._wanted:
                found += read_people(self._path(self._kept))
                self._kept += 1
        except InputError:
            # One that is damaged is found again, like one that is not there.
            return found
        return found

    def keep(self, found: list[list[Person]]) -> None:
        """Write the pieces that are complete and not yet written."""
        while self._wanted and len(found) >= (self._kept + 1) * self._frames:
            piece = found[self._kept * self._frames :][: self._frames]
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

    def remove(self) -> None:
        """Remove the folder, and those of runs that were given up."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._folder.parent.is_dir():
            for other in self._folder.parent.iterdir():
                # Another process may be done with it just now.
                with suppress(FileNotFoundError):
                    if time.time() - other.stat().st_mtime > GIVEN_UP:
                        shutil.rmtree(other, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.safetensors"


def _find(path: Path, preset: Preset, pieces: _Pieces, total: int, progress: Progress) -> list[list[Person]]:
    """Return everybody in every frame."""
    found = pieces.read()
    progress(len(found), max(total, len(found)))
    for people in search(_from(len(found), read_frames(path, CHUNK)), preset):
        found += people
        pieces.keep(found)
        # The container may promise fewer frames than it holds.
        progress(len(found), max(total, len(found)))
    return found


def _from(first: int, chunks: Iterable[Frames]) -> Iterator[Frames]:
    """Yield the frames from number `first` on; all are decoded, since seeking does not hit every frame."""
    start = 0
    for chunk in chunks:
        rest = chunk[max(first - start, 0) :]
        if len(rest):
            yield rest
        start += len(chunk)


def _sure(people: list[Person | None], size: tuple[int, int], detection: DetectionConfig) -> KeypointTrack:
    """Return the keypoints of the frames; those that are unsure or lie outside are not known."""
    track = np.zeros((len(people), KEYPOINTS, 3), dtype=np.float32)
    for number, person in enumerate(people):
        if person is not None:
            track[number] = person.keypoints
    x, y, confidence = np.moveaxis(track, 2, 0)
    inside = (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    track[~inside | (confidence < detection.min_confidence)] = 0
    return track
