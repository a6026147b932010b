import logging

import numpy as np
import pytest

from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.preprocess.choice import choose
from cyberhost_cli.types import FACE, Box, Person

SIZE = (128, 600)


def somebody(figure, x, scale=1.0):
    """Return the figure with its face at `x`."""
    points = figure.copy()
    points[:, :2] = (points[:, :2] - [64, 64]) * scale + [x, 64]
    return Person(points, Box(x - 30.0, 10.0, x + 30.0, 120.0))


@pytest.fixture
def people(figure):
    return [somebody(figure, 280), somebody(figure, 500, 1.5), somebody(figure, 100)]


@pytest.mark.parametrize(("wish", "index"), [("largest", 1), ("centred", 0), (0, 2), (1, 0), (2, 1)])
def test_the_wish_is_met_and_the_others_are_told_of(people, wish, index, caplog):
    assert choose(people, wish, SIZE) is people[index]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    number = {2: 0, 0: 1, 1: 2}[index]
    assert record.getMessage().startswith(f"3 people found, took number {number} from the left")


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


def test_a_person_without_a_face_is_an_error(figure):
    figure[FACE, 2] = 0
    with pytest.raises(InputError, match="no face found"):
        choose([Person(figure, Box(0.0, 0.0, 128.0, 128.0))], "largest", SIZE)


def test_a_faceless_person_is_not_the_largest(figure, people):
    points = figure.copy()
    points[FACE, 2] = 0
    backwards = Person(points, Box(0.0, 0.0, 600.0, 128.0))
    assert np.array_equal(choose([backwards, people[0]], "largest", SIZE).keypoints, people[0].keypoints)
