"""All people found in a run of frames, in a file."""

from dataclasses import astuple
from pathlib import Path

import numpy as np

from cyberhost_cli.media.tensors import read_tensors, write_tensors
from cyberhost_cli.types import KEYPOINTS, Box, Person

_KIND, _VERSION = "people", 1


def write_people(path: Path, frames: list[list[Person]]) -> None:
    """Write who was found in every frame.

    Raises:
        CyberHostError: The disk is full, or the file cannot be made.
    """
    everybody = [person for people in frames for person in people]
    arrays = {
        "counts": np.array([len(people) for people in frames]),
        "keypoints": np.array([person.keypoints for person in everybody], np.float32).reshape(-1, KEYPOINTS, 3),
        "boxes": np.array([astuple(person.box) for person in everybody], np.float64).reshape(-1, 4),
    }
    write_tensors(path, _KIND, _VERSION, arrays, {})


def read_people(path: Path) -> list[list[Person]]:
    """Read what `write_people` wrote.

    Raises:
        InputError: Missing, damaged, or not such a file.
    """
    arrays, _ = read_tensors(path, _KIND, _VERSION)
    pairs = zip(arrays["keypoints"], arrays["boxes"].tolist(), strict=True)
    everybody = iter([Person(keypoints, Box(*box)) for keypoints, box in pairs])
    return [[next(everybody) for _ in range(count)] for count in arrays["counts"].tolist()]
