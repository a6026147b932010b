"""Which of the people in a picture shall talk."""

import logging
import math
from collections.abc import Sequence
from typing import Literal

from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import FACE, Box, Person

logger = logging.getLogger(__name__)


def choose(people: Sequence[Person], wish: Literal["largest", "centred"] | int, size: tuple[int, int]) -> Person:
    """Return the person with the largest face, the one nearest to the middle, or the one so numbered from the left.

    `size` is the picture's (height, width).
    """
    if not people:
        raise InputError(
            "no person found in the picture",
            "use a sharp picture in which one person's face and shoulders are to be seen",
        )
    from_left = sorted(people, key=lambda person: _place(person).centre[0])
    index = _checked(wish, len(people)) if isinstance(wish, int) else _striking(from_left, wish, size)
    chosen = from_left[index]
    if len(people) > 1:
        logger.warning(
            "%d people found, took number %d from the left; `--set picture.person=0` to `%d` takes another",
            len(people),
            index,
            len(people) - 1,
        )
    regions.known_face(chosen.keypoints)
    return chosen


def _checked(index: int, count: int) -> int:
    if index >= count:
        raise UsageError(
            f"`picture.person` is {index}, but the picture shows {count} (0 is the leftmost)",
            f"set it to 0 to {count - 1}, `largest` or `centred`",
        )
    return index


def _striking(people: list[Person], wish: Literal["largest", "centred"], size: tuple[int, int]) -> int:
    """Return the place of the person that the wish means."""
    if wish == "largest":
        scores = [_face_height(person) for person in people]
    else:
        scores = [-math.dist(_place(person).centre, (size[1] / 2, size[0] / 2)) for person in people]
    return scores.index(max(scores))


def _place(person: Person) -> Box:
    """Return the box of the face, or of the body where no face is seen."""
    return regions.face_box(person.keypoints) or person.box


def _face_height(person: Person) -> float:
    face = regions.extent(person.keypoints[FACE])
    return 0.0 if face is None else face.height
