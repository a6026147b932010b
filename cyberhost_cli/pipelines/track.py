"""Track: a video becomes the poses of one person."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.media import cache
from cyberhost_cli.media.pieces import Pieces
from cyberhost_cli.media.source import check_source, file_hash
from cyberhost_cli.media.video import probe, read_frames
from cyberhost_cli.pipelines.progress import Progress
from cyberhost_cli.pipelines.search import search
from cyberhost_cli.preprocess import gaps, one_euro
from cyberhost_cli.preprocess.choice import Wish
from cyberhost_cli.preprocess.follow import follow
from cyberhost_cli.preprocess.reference import sure
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

CHUNK = 4
"""Frames that are handed to a process at once."""


def track_video(path: Path, loaded: LoadedPreset, progress: Progress) -> VideoPoses:
    """Find one person in every frame of a video; fill short gaps and smooth the motion.

    What was found is kept in the cache every `tracking.piece_frames` frames, so that a run that was stopped goes on
    there, and a second one on the same video starts at once. Points below `detection.min_confidence` and beyond the
    picture are not known.

    Raises:
        InputError: the video cannot be read, or shows nobody.
    """
    preset = loaded.preset
    check_source(path, "video")
    info = probe(path)
    found = find_people(path, preset, info.frames, progress)
    track = follow_one(surely(found, preset), preset.picture.person, preset, (info.height, info.width), info.fps)
    return VideoPoses(track, info.fps, info.width, info.height)


def find_people(path: Path, preset: Preset, total: int, progress: Progress) -> list[list[Person]]:
    """Return everybody in every frame, as kept by an earlier run where there was one.

    Args:
        path: of the video.
        preset: says how people are found.
        total: frames that the container promises.
        progress: told of frames.

    Raises:
        InputError: the video cannot be read.
    """
    frames = preset.tracking.piece_frames
    key = cache.key(
        file_hash(path), {"detector": preset.detection.detector, "models": preset.store.models, "frames": frames}
    )
    pieces = Pieces(key, frames, preset.store.cache_megabytes)
    found, whole = pieces.read()
    progress(len(found), len(found) if whole else max(total, len(found)))
    if whole:
        return found
    for people in search(_from(len(found), read_frames(path, CHUNK)), preset):
        found += people
        pieces.keep(found, whole=False)
        # The container may promise fewer frames than it holds.
        progress(len(found), max(total, len(found)))
    pieces.keep(found, whole=True)
    return found


def surely(found: list[list[Person]], preset: Preset) -> list[list[Person]]:
    """Let points of little confidence count as not known."""
    return [[sure(person, preset.detection.min_confidence) for person in people] for people in found]


def follow_one(
    found: list[list[Person]], wish: Wish | int, preset: Preset, size: tuple[int, int], fps: float
) -> KeypointTrack:
    """Return the poses of one of the people who were found in frames of `size` (height, width), as `track_video` does.

    `found` holds the points that are sure.

    Raises:
        InputError: no frame shows a face.
    """
    people = follow(found, wish, size, fps)
    track = gaps.fill(_inside(people, size), fps, preset.tracking.max_gap)
    return one_euro.smooth(track, fps, preset.tracking)


def summarise(poses: VideoPoses) -> dict[str, Any]:
    """Return what JSON can hold of a track: its length and size, and the shares of its frames that show each part."""
    known = poses.keypoints[:, :, 2] > 0
    parts = {"body": BODY, "face": FACE, "left_hand": LEFT_HAND, "right_hand": RIGHT_HAND}
    seen = {name: float(known[:, part].any(axis=1).mean()) for name, part in parts.items()}
    return {"frames": len(known), "fps": poses.fps, "width": poses.width, "height": poses.height, "seen": seen}


def _from(first: int, chunks: Iterable[Frames]) -> Iterator[Frames]:
    """Yield the frames from number `first` on; all are decoded, since seeking does not hit every frame."""
    start = 0
    for chunk in chunks:
        rest = chunk[max(first - start, 0) :]
        if len(rest):
            yield rest
        start += len(chunk)


def _inside(people: list[Person | None], size: tuple[int, int]) -> KeypointTrack:
    """Return the keypoints of the frames; those that lie outside are not known."""
    track = np.zeros((len(people), KEYPOINTS, 3), dtype=np.float32)
    for number, person in enumerate(people):
        if person is not None:
            track[number] = person.keypoints
    x, y, _ = np.moveaxis(track, 2, 0)
    track[(x < 0) | (x >= size[1]) | (y < 0) | (y >= size[0])] = 0
    return track
