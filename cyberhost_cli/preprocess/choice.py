"""Which of the people in a picture shall talk."""

import logging
import math
from collections.abc import Sequence
from typing import Literal

from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import FACE, Box, Person

logger = logging.getLogger(__name__)

Wish = Literal["largest", "centred"]

SHOWN = 0.9
"""A face of which the picture shows a smaller share is warned of (ours)."""


def choose(people: Sequence[Person], wish: Wish | int, size: tuple[int, int]) -> Person:
    """Return the person with the largest face, the one nearest to the middle, or the one so numbered from the left.

    `size` is the picture's (height, width); only what lies in it counts for the size of a face.

    Raises:
        InputError: nobody is in the picture, or the chosen one's face is not, or less than half of it.
        UsageError: fewer people are in the picture than the number says.
    """
    if not people:
        raise InputError(
            "no person found in the picture",
            "use a sharp picture in which one person's face and shoulders are to be seen",
        )
    from_left = sorted(people, key=lambda person: _place(person).centre[0])
    index = _checked(wish, len(people)) if isinstance(wish, int) else _striking(from_left, wish, size)
    face = regions.known_face(from_left[index].keypoints)
    if len(people) > 1 and not isinstance(wish, int):
        x, y = face.centre
        logger.warning(
            "%d people found, took the %s face, number %d (the leftmost is 0), at x %.0f, y %.0f; "
            "`--set picture.person=0` to `%d` takes another",
            *(len(people), wish, index, x, y, len(people) - 1),
        )
    _check_shown(face, size)
    return from_left[index]


def _checked(index: int, count: int) -> int:
    if index >= count:
        raise UsageError(
            f"`picture.person` is {index}, but the picture shows {count} (0 is the leftmost)",
            f"set it to 0 to {count - 1}, `largest` or `centred`",
        )
    return index


def _striking(people: list[Person], wish: Wish, size: tuple[int, int]) -> int:
    """Return the place of the person that the wish means; those without a face are the last to be taken."""
    score = _visible_area if wish == "largest" else _centrality
    scores = [score(person, size) for person in people]
    return scores.index(max(scores))


def _visible_area(person: Person, size: tuple[int, int]) -> float:
    face = regions.extent(person.keypoints[FACE])
    return -1.0 if face is None else _area_within(face, size)


def _centrality(person: Person, size: tuple[int, int]) -> float:
    face = regions.extent(person.keypoints[FACE])
    return -math.inf if face is None else -math.dist(face.centre, (size[1] / 2, size[0] / 2))


def _place(person: Person) -> Box:
    """Return the box of the face, or of the body where no face is seen."""
    return regions.face_box(person.keypoints) or person.box


def _check_shown(face: Box, size: tuple[int, int]) -> None:
    """Refuse or warn of a face that the edge of the picture cuts."""
    shown = _area_within(face, size) / (face.width * face.height)
    finding = f"the edge of the picture cuts off {1 - shown:.0%} of the face"
    if shown < 1 / 2:
        raise InputError(finding, "use a picture that shows the whole face")
    if shown < SHOWN:
        logger.warning("%s; use a picture that shows all of it", finding)


def _area_within(face: Box, size: tuple[int, int]) -> float:
    """Return the area of the part that lies in the picture."""
    width = min(face.right, size[1]) - max(face.left, 0.0)
    height = min(face.bottom, size[0]) - max(face.top, 0.0)
    return max(width, 0.0) * max(height, 0.0)
