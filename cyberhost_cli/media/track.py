"""Tracks: the poses of one person in a video, in a file."""

from pathlib import Path

from cyberhost_cli.media.source import file_hash
from cyberhost_cli.media.tensors import is_kind, read_tensors, write_tensors
from cyberhost_cli.types import VideoPoses

_KIND, _VERSION = "track", 1


def write_track(path: Path, poses: VideoPoses, source: Path) -> None:
    """Write the poses found in the video `source`, with its name and hash.

    Raises:
        CyberHostError: The disk is full, or the file cannot be made.
    """
    header = {
        "fps": poses.fps,
        "width": poses.width,
        "height": poses.height,
        "sources": {source.name: file_hash(source)},
    }
    write_tensors(path, _KIND, _VERSION, {"keypoints": poses.keypoints}, header)


def read_track(path: Path) -> VideoPoses:
    """Read what `write_track` wrote.

    Raises:
        InputError: Missing, damaged, not a track, or a track of another version.
    """
    arrays, header = read_tensors(path, _KIND, _VERSION)
    return VideoPoses(arrays["keypoints"], header["fps"], header["width"], header["height"])


def is_track(path: Path) -> bool:
    """Tell whether a file is a track of any version."""
    return is_kind(path, _KIND)
