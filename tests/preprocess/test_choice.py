import logging

import numpy as np
import pytest

from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.preprocess.choice import choose
from cyberhost_cli.types import FACE, Box, Person

SIZE = (128, 600)


def somebody(figure, x, scale=1.0, face=True):
    """Return the figure with its face at `x`."""
    points = figure.copy()
    points[:, :2] = (points[:, :2] - [64, 64]) * scale + [x, 64]
    points[FACE, 2] = float(face)
    return Person(points, Box(x - 30.0, 10.0, x + 30.0, 120.0))


@pytest.fixture
def people(figure):
    return [somebody(figure, 280), somebody(figure, 500, 1.5), somebody(figure, 100)]


@pytest.mark.parametrize(("wish", "index", "told"), [("largest", 1, (2, 500, 28)), ("centred", 0, (1, 280, 40))])
def test_the_wish_is_met_and_the_taken_one_is_told(people, wish, index, told, caplog):
    assert choose(people, wish, SIZE) is people[index]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    number, x, y = told
    expected = f"3 people found, took the {wish} face, number {number} (the leftmost is 0), at x {x}, y {y}; "
    assert record.getMessage() == expected + "`--set picture.person=0` to `2` takes another"


@pytest.mark.parametrize(("number", "index"), [(0, 2), (1, 0), (2, 1)])
def test_who_was_asked_for_by_number_is_taken_without_words(people, number, index, caplog):
    assert choose(people, number, SIZE) is people[index]
    assert not caplog.records


def test_one_person_is_taken_without_words(people, caplog):
    assert choose(people[:1], "largest", SIZE) is people[0]
    assert not caplog.records


def test_nobody_is_an_error():
    with pytest.raises(InputError, match="no person found"):
        choose([], "largest", SIZE)


def test_a_number_beyond_the_people_is_a_usage_error(people):
    with pytest.raises(UsageError, match="is 3, but the picture shows 3") as raised:
        choose(people, 3, SIZE)
    assert "0 to 2" in raised.value.hint


@pytest.mark.parametrize("wish", ["largest", "centred", 0])
def test_a_person_without_a_face_is_an_error(figure, wish):
    with pytest.raises(InputError, match="no face found"):
        choose([somebody(figure, 64, face=False)], wish, SIZE)


@pytest.mark.parametrize("wish", ["largest", "centred"])
def test_who_turns_away_is_the_last_to_be_taken(figure, people, wish):
    backwards = somebody(figure, 300, 2.0, face=False)
    assert choose([backwards, people[2]], wish, SIZE) is people[2]


def test_of_a_large_face_only_what_the_picture_shows_counts(figure, people):
    passing = somebody(figure, 598, 1.3)
    assert choose([passing, people[0]], "largest", SIZE) is people[0]


@pytest.mark.parametrize(("x", "share"), [(594, 25), (600, 50)])
def test_a_face_at_the_edge_is_warned_of(figure, x, share, caplog):
    person = somebody(figure, x)
    assert choose([person], "largest", SIZE) is person
    (record,) = caplog.records
    assert f"cuts off {share}% of the face" in record.getMessage()


@pytest.mark.parametrize("wish", ["largest", 0])
def test_half_a_face_is_not_enough(figure, wish):
    with pytest.raises(InputError, match="cuts off 60% of the face"):
        choose([somebody(figure, 602.4)], wish, SIZE)


def test_a_body_beyond_the_edge_does_not_matter(figure, caplog):
    person = somebody(figure, 14)
    assert np.any(person.keypoints[:, 0] < 0)
    assert choose([person], "largest", SIZE) is person
    assert not caplog.records
