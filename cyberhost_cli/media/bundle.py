"""A prepared reference, a prepared speech, or both, in one file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyberhost_cli.media.source import file_hash
from cyberhost_cli.media.tensors import Arrays, is_kind, read_header, read_tensors, write_tensors
from cyberhost_cli.types import PreparedReference, PreparedSpeech, Recording

_KIND, _VERSION = "bundle", 1
_REFERENCE = ("picture", "keypoints", "skeleton", "face", "hands", "movement", "clarity")


@dataclass(frozen=True)
class BundleHeader:
    """What a bundle says about itself."""

    preset: str
    holds: tuple[str, ...]
    """`reference`, `speech` or both."""
    sources: Mapping[str, str]
    """SHA-256 of the files that it was made from, by their names."""


def write_bundle(
    path: Path,
    reference: PreparedReference | None,
    speech: PreparedSpeech | None,
    preset_name: str,
    sources: Sequence[Path] = (),
) -> None:
    """Write what was prepared under a preset from the files `sources`.

    Raises:
        CyberHostError: The disk is full, or the file cannot be made.
    """
    arrays: Arrays = {}
    if reference is not None:
        arrays |= {f"reference.{name}": getattr(reference, name) for name in _REFERENCE}
    header: dict[str, Any] = {"preset": preset_name, "sources": {source.name: file_hash(source) for source in sources}}
    if speech is not None:
        arrays |= {"speech.features": speech.features, "speech.samples": speech.recording.samples}
        header |= {"fps": speech.fps, "rate": speech.recording.rate}
    header["holds"] = [name for name, part in (("reference", reference), ("speech", speech)) if part is not None]
    write_tensors(path, _KIND, _VERSION, arrays, header)


def read_bundle(path: Path) -> tuple[PreparedReference | None, PreparedSpeech | None]:
    """Read what `write_bundle` wrote.

    Raises:
        InputError: Missing, damaged, not a bundle, or a bundle of another version.
    """
    arrays, header = read_tensors(path, _KIND, _VERSION)
    reference, speech = None, None
    if "reference" in header["holds"]:
        reference = PreparedReference(**{name: arrays[f"reference.{name}"] for name in _REFERENCE})
    if "speech" in header["holds"]:
        recording = Recording(arrays["speech.samples"], header["rate"])
        speech = PreparedSpeech(arrays["speech.features"], recording, header["fps"])
    return reference, speech


def read_bundle_header(path: Path) -> BundleHeader:
    """Read what a bundle says about itself, without its arrays.

    Raises:
        InputError: As `read_bundle`.
    """
    header = read_header(path, _KIND, _VERSION)
    return BundleHeader(header["preset"], tuple(header["holds"]), header["sources"])


def is_bundle(path: Path) -> bool:
    """Tell whether a file is a bundle of any version."""
    return is_kind(path, _KIND)
