import numpy as np
import pytest

from cyberhost_cli.synth import arms
from cyberhost_cli.synth.arms import Reach


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("wrist", [(0.1, 0.05, -0.95), (-0.1, 0.45, -0.1), (0.3, 0.4, 0.1)])
def test_the_wrist_gets_where_it_is_sent(person, side, wrist):
    one = np.array([0.0])
    motion = Reach(np.array([wrist]), np.array([[0.8, -0.2, -1.0]]), one, one, np.zeros((1, 5)))
    bones = person.body.bones
    rotations = arms.reach(person.body, person.posed.joints[0], side, motion)
    joints = person.body.pose(person.actor.phenotype, rotations, {}).joints[0]
    place = {name: joints[bones[f"{name}.{side}"]] for name in ("upperarm01", "lowerarm01", "wrist")}
    length = np.linalg.norm(place["lowerarm01"] - place["upperarm01"])
    length += np.linalg.norm(place["wrist"] - place["lowerarm01"])
    outwards, forwards, up = np.array(wrist) * length
    expected = np.array([outwards if side == "L" else -outwards, -forwards, up])
    np.testing.assert_allclose(place["wrist"] - place["upperarm01"], expected, atol=0.01)
