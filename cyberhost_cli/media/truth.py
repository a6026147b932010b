"""What is known exactly about a rendered clip, in a file beside it."""

from pathlib import Path

from cyberhost_cli.media.tensors import read_tensors, write_tensors
from cyberhost_cli.types import ClipTruth

_KIND, _VERSION = "truth", 1


def write_truth(path: Path, truth: ClipTruth, phonemes: list[tuple[str, float, float]], text: str) -> None:
    """Write `truth`, the phonemes with their start and end in seconds, and the spoken text."""
    header = {"fps": truth.fps, "actor": truth.actor, "phonemes": phonemes, "text": text}
    write_tensors(path, _KIND, _VERSION, {"keypoints": truth.keypoints, "mouth": truth.mouth}, header)


def read_truth(path: Path) -> ClipTruth:
    """Read what `write_truth` wrote.

    Raises:
        InputError: Missing, damaged, or not a truth file.
    """
    tensors, header = read_tensors(path, _KIND, _VERSION)
    return ClipTruth(tensors["keypoints"], tensors["mouth"], header["fps"], header["actor"])
