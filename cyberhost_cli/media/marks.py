"""Marks in an output that say it was generated, and how."""

import json
from pathlib import Path
from typing import Any

from cyberhost_cli import __version__
from cyberhost_cli.errors import InputError
from cyberhost_cli.media.source import open_source
from cyberhost_cli.types import Marks

FIELD = "comment"
"""Of all container fields, the one that players show and that remuxing keeps, in MP4, MOV, WAV and PNG alike."""

_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def to_text(marks: Marks) -> str:
    """Return `marks` as JSON, together with the IPTC digital source type and our version."""
    return json.dumps(
        {
            "digital_source_type": _SOURCE_TYPE,
            "generator": f"cyberhost {__version__}",
            "preset": marks.preset,
            "seed": marks.seed,
            "checkpoint": marks.checkpoint,
        }
    )


def read_marks(path: Path) -> Marks | None:
    """Return the marks of an output, or None if it carries none of ours.

    Raises:
        InputError: Missing, damaged, or a folder without pictures.
    """
    fields = read_fields(path)
    return (
        None if fields is None else Marks(preset=fields["preset"], seed=fields["seed"], checkpoint=fields["checkpoint"])
    )


def read_fields(path: Path) -> dict[str, Any] | None:
    """Return all that `to_text` wrote into a video, a sound, a PNG or the first PNG of a folder.

    Raises:
        InputError: Missing, damaged, or a folder without pictures.
    """
    if path.is_dir():
        pictures = sorted(path.glob("*.png"))
        if not pictures:
            raise InputError(f"`{path}` is a folder without pictures", "give a video, or a folder that cyberhost wrote")
        path = pictures[0]
    with open_source(path, "video") as container:
        found = container.metadata
        if container.format.name == "png_pipe":
            found = next(container.decode(video=0)).metadata
    # Matroska writes its fields in capitals.
    comment = {name.lower(): text for name, text in found.items()}.get(FIELD, "")
    try:
        fields = json.loads(comment)
    except json.JSONDecodeError:
        return None
    ours = isinstance(fields, dict) and fields.get("digital_source_type") == _SOURCE_TYPE
    return fields if ours else None
