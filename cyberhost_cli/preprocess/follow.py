"""One person through the frames of a video, others beside them or not."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess.choice import choose
from cyberhost_cli.types import FACE, Person

HEAD = slice(0, 5)
"""Nose, eyes and ears."""
REACH = 1.0
"""Widths of a head that it may move between two frames in which it is seen."""
REMEMBERED = 1.0
"""Seconds that somebody else who is hidden is waited for; then whoever comes there is somebody new."""


class Head(NamedTuple):
    """Where a head was seen last, and in which frame."""

    x: float
    y: float
    width: float
    frame: int


def follow(
    frames: Sequence[Sequence[Person]],
    wish: Literal["largest", "centred"] | int,
    size: tuple[int, int],
    fps: float,
) -> list[Person | None]:
    """Return, per frame, the person who is chosen in the first frame with a face; None where that person is not seen.

    Heads go on where they were in the frame before. Whoever appears anew while the chosen person is hidden is taken to
    be that person; those who were there already never are. `size` is the frames' (height, width).

    Raises:
        InputError: no frame shows a face.
    """
    first = next((number for number, people in enumerate(frames) if any(map(_has_face, people))), None)
    if first is None:
        raise InputError(
            "no person found in the video", "use a sharp video in which one person's face and shoulders are to be seen"
        )
    chosen = choose(frames[first], wish, size)
    head = _head(chosen, first)
    others = [_head(person, first) for person in frames[first] if person is not chosen]
    found: list[Person | None] = [None] * first + [chosen]
    for number, people in enumerate(frames[first + 1 :], start=first + 1):
        heads = [_head(person, number) for person in people]
        taken, others = _go_on(head, others, heads)
        others = [other for other in others if number - other.frame <= REMEMBERED * fps]
        head = head if taken is None else heads[taken]
        found.append(None if taken is None else people[taken])
    return found


def _go_on(head: Head, others: list[Head], heads: list[Head]) -> tuple[int | None, list[Head]]:
    """Return which of the `heads` is the followed one, and where the others are now."""
    known = [head, *others]
    pairs = sorted((_apart(old, new), i, j) for i, old in enumerate(known) for j, new in enumerate(heads))
    now: dict[int, int] = {}
    for distance, i, j in pairs:
        if distance <= REACH and i not in now and j not in now.values():
            now[i] = j
    strangers = [j for _, i, j in pairs if i == 0 and j not in now.values()]
    if 0 not in now and strangers:
        now[0] = strangers.pop(0)
    there = [heads[now[i]] if i in now else old for i, old in enumerate(known)][1:]
    return now.get(0), there + [heads[j] for j in strangers]


def _apart(old: Head, new: Head) -> float:
    """Return the distance in widths of the larger head."""
    return math.dist(old[:2], new[:2]) / max(old.width, new.width, 1.0)


def _has_face(person: Person) -> bool:
    return bool(person.keypoints[FACE, 2].any())


def _head(person: Person, frame: int) -> Head:
    """Return the place of what is known of the head, else of the whole person."""
    points = person.keypoints[HEAD]
    points = points[points[:, 2] > 0, :2]
    if len(points) < 2:
        box = person.box
        points = np.array([(box.left, box.top), (box.right, box.bottom)], dtype=np.float32)
    x, y = points.mean(axis=0).tolist()
    return Head(x, y, float(np.ptp(points, axis=0).max()), frame)
