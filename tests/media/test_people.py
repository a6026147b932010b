from itertools import chain

import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.people import read_people, write_people
from cyberhost_cli.types import Box, Person


@pytest.mark.parametrize("counts", [[0, 2, 0, 1], [0, 0], [3]])
def test_everybody_comes_back_in_their_frame(tmp_path, counts):
    rng = np.random.default_rng(0)
    frames = [
        [Person(rng.random((133, 3), np.float32), Box(*rng.random(4).tolist())) for _ in range(n)] for n in counts
    ]
    write_people(tmp_path / "a.safetensors", frames)
    again = read_people(tmp_path / "a.safetensors")
    assert [len(people) for people in again] == counts
    for ours, theirs in zip(chain(*frames), chain(*again), strict=True):
        np.testing.assert_array_equal(ours.keypoints, theirs.keypoints, strict=True)
        assert ours.box == theirs.box


def test_what_is_not_there_is_told(tmp_path):
    with pytest.raises(InputError):
        read_people(tmp_path / "a.safetensors")
