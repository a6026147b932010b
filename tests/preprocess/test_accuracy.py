"""How near the detector comes to what is known exactly of rendered people."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from cyberhost_cli.synth import actor as actors
from cyberhost_cli.synth import arms, clips, keypoints, motion, turning
from cyberhost_cli.synth import body as bodies
from cyberhost_cli.synth.camera import frame_face
from cyberhost_cli.synth.figure import Figure
from cyberhost_cli.synth.portrait import LIGHT
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND

SIZE, ACTORS = 256, 20
UPPER_BODY, HANDS = slice(0, 13), (LEFT_HAND, RIGHT_HAND)
SURE = 0.3


@dataclass
class Seen:
    """What the detector said of one actor, and the truth."""

    found: np.ndarray
    truth: np.ndarray

    def errors(self, *parts):
        """Return how far the points lie off that are to be seen and were found, in heights of the truth's box."""
        height = np.ptp(self.truth[self.truth[:, 2] > 0, 1])
        known = (self.truth[:, 2] > 0) & (self.found[:, 2] > SURE)
        off = np.linalg.norm(self.found[:, :2] - self.truth[:, :2], axis=1) / height
        return np.concatenate([off[part][known[part]] for part in parts])


def portray(seed, yaw):
    """Return picture and truth of an actor who gestures with both hands, the head turned by degrees to the left."""
    random, body = np.random.default_rng([seed, 99]), bodies.load()
    actor = replace(actors.random_actor(seed), light=LIGHT)
    reference = clips.reference_pose(body, actor)
    reach = arms.Reach(
        wrist=random.uniform([[-0.04, 0.38, -0.20]], [[0.10, 0.50, -0.05]]),
        elbow=np.array([[0.8, -0.2, -1.0]]),
        twist=random.uniform(-1.3, 0.2, 1),
        bend=random.uniform(-0.1, 0.35, 1),
        curl=np.full((1, 5), random.uniform(0.05, 0.4)),
    )
    none = np.zeros(1)
    rotations = {"head": turning.single(turning.euler(none, none, np.radians([yaw])))}
    for side in "LR":
        rotations |= arms.reach(body, reference.joints[0], side, reach)
    camera = frame_face(keypoints.face_points(reference.vertices[0]), SIZE, None)
    pictures, truth = clips.shoot(Figure(body, actor, 512), camera, rotations, motion.pleasant(1), fps=25)
    return pictures[0], truth.keypoints[0]


def see(detector, seed, yaw=0.0):
    picture, truth = portray(seed, yaw)
    (person,) = detector.detect(picture)
    return Seen(person.keypoints, truth)


@pytest.fixture(scope="module")
def crowd(detector):
    return [see(detector, seed) for seed in range(ACTORS)]


@pytest.mark.parametrize(
    ("parts", "median", "nine_of_ten"),
    [((UPPER_BODY,), 0.02, 0.08), ((FACE,), 0.006, 0.02), (HANDS, 0.02, 0.04)],
    ids=["body", "face", "hands"],
)
def test_points_lie_where_they_are(crowd, parts, median, nine_of_ten):
    errors = np.concatenate([seen.errors(*parts) for seen in crowd])
    assert np.median(errors) < median
    assert np.percentile(errors, 90) < nine_of_ten


def test_hardly_a_point_of_the_body_is_missed(crowd):
    found = np.concatenate([seen.found[UPPER_BODY, 2][seen.truth[UPPER_BODY, 2] > 0] > SURE for seen in crowd])
    assert found.mean() > 0.9


def test_hands_are_found_and_not_mistaken_for_one_another(crowd):
    right = [np.median(seen.errors(hand)) < 0.06 for seen in crowd for hand in HANDS if seen.found[hand, 2].any()]
    assert len(right) >= 0.95 * 2 * ACTORS
    assert all(right)


@pytest.mark.parametrize(("seed", "yaw"), [(0, 60.0), (1, -60.0), (2, 60.0)])
def test_a_head_turned_aside_is_found_with_its_face(detector, seed, yaw):
    seen = see(detector, seed, yaw)
    assert np.median(seen.errors(FACE)) < 0.05
    assert np.median(seen.errors(UPPER_BODY)) < 0.07
    assert np.median(seen.errors(*HANDS)) < 0.05
