from types import SimpleNamespace

import numpy as np
import pytest

from cyberhost_cli.synth import actor, body, clips


@pytest.fixture(scope="session")
def clip():
    """Two seconds of an actor whose hands are raised."""
    return clips.film(seed=32, size=128, seconds=2.0, fps=25)


@pytest.fixture(scope="session")
def person():
    """An actor in the model's reference pose."""
    anybody = actor.random_actor(7)
    return SimpleNamespace(body=body.load(), actor=anybody, posed=clips.reference_pose(body.load(), anybody))


@pytest.fixture
def random():
    return np.random.default_rng(0)
