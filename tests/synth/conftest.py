from types import SimpleNamespace

import numpy as np
import pytest

from cyberhost_cli.synth import actor, body, clips, keypoints


@pytest.fixture(scope="session")
def clip():
    """Two seconds of an actor whose hands are raised."""
    return clips.film(seed=32, size=128, seconds=2.0, fps=25)


@pytest.fixture(scope="session")
def person():
    """An actor in the model's reference pose."""
    anybody = actor.random_actor(7)
    return SimpleNamespace(body=body.load(), actor=anybody, posed=clips.reference_pose(body.load(), anybody))


SEEDS = range(9)


@pytest.fixture(scope="session")
def acts():
    """What some actors do in four seconds each, and where all points are then, whether hidden or not."""
    anatomy, free = body.load(), np.full(133, np.inf, np.float32)
    made = []
    for seed in SEEDS:
        scene = clips.stage(anatomy, actor.random_actor(seed), 256, 4.0, 25)
        done = scene.performance
        posed = anatomy.pose(actor.random_actor(seed).phenotype, done.rotations, scene.actions).carried(done.shift)
        points = keypoints.places(anatomy, posed)
        track = np.stack([keypoints.see(each, free, scene.camera) for each in points])
        made.append(SimpleNamespace(scene=scene, posed=posed, points=points, track=track))
    return made


@pytest.fixture
def random():
    return np.random.default_rng(0)
