import numpy as np

from cyberhost_cli.synth.portrait import portrait


def test_portraits_show_different_people_in_one_symmetric_pose():
    first, other = (portrait(seed, 96).astype(int) for seed in (4, 5))
    assert np.abs(first - other).mean() > 5
    for picture in (first, other):
        shape = np.abs(picture - picture[:, :1]).max(axis=2) > 30
        assert (shape == shape[:, ::-1]).mean() > 0.9
