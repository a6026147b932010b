"""Poses of hands between which speakers' gestures move, taken from an actor of average build.

`cyberhost_cli/preprocess/gestures/poses.npz` is made again with
`python -c "from cyberhost_cli.synth import gestures; gestures.write()"`.
"""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.synth import arms, keypoints, turning
from cyberhost_cli.synth import body as bodies
from cyberhost_cli.synth.arms import Reach
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND

# fmt: off
AVERAGE = {
    "gender": 0.5, "age": 0.7, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.6, "cupsize": 0.3,
    "firmness": 0.5, "caucasian": 1.0, "asian": 1.0, "african": 1.0,
}
# fmt: on
"""Of all kinds of build."""
SHOULDERS, SHOULDER, ELBOW, WRIST = (5, 6), 5, 7, LEFT_HAND.start
KNUCKLE = WRIST + 9
"""Of the middle finger; it ends the palm."""

PEOPLE = 0.86
"""Hands of people beside the actor's: in EchoMimicV2's own poses palms are 0.29 to 0.31 shoulders long, here 0.35."""

Triple = tuple[float, float, float]
# Where the elbow lies beside the line from shoulder to wrist: outwards, forwards, up.
ASIDE, BELOW, CLOSE = (1.0, -0.3, -0.6), (0.5, -0.4, -1.0), (0.1, -0.6, -1.0)
# Bending of thumb and fingers.
LOOSE, FLAT = (0.2, 0.35, 0.35, 0.38, 0.4), (0.15, 0.12, 0.12, 0.12, 0.15)
PINCH, POINT, FIST = (0.5, 0.6, 0.3, 0.25, 0.25), (0.6, 0.05, 1.1, 1.2, 1.2), (0.4, 1.0, 1.1, 1.1, 1.1)


@dataclass(frozen=True)
class Pose:
    """One arm, as in `Reach`."""

    wrist: Triple
    elbow: Triple
    twist: float
    bend: float
    curl: tuple[float, ...]


@dataclass(frozen=True)
class Stroke:
    """A gesture by the poses between which the stressed syllable falls."""

    before: Pose
    after: Pose
    one: bool = True
    """Whether one hand may do it."""
    both: bool = True
    """Whether both may do it together."""


REST = Pose((-0.11, 0.33, -0.60), ASIDE, -0.9, 0.0, LOOSE)
STANCE = Pose((0.70, 0.0, -0.64), (1.0, 0.0, 0.2), 0.0, 0.0, (0.0,) * 5)
"""Arms and hands seen in their full length from the front; what bodies are measured by."""
STROKES = {
    "beat": Stroke(
        Pose((0.00, 0.44, -0.36), BELOW, -0.9, 0.15, LOOSE), Pose((0.02, 0.45, -0.47), BELOW, -0.8, -0.15, LOOSE)
    ),
    "offer": Stroke(
        Pose((-0.04, 0.40, -0.42), BELOW, -1.2, 0.1, LOOSE), Pose((0.10, 0.42, -0.42), BELOW, -2.1, 0.0, FLAT)
    ),
    "spread": Stroke(
        Pose((0.04, 0.40, -0.36), BELOW, -1.4, 0.1, LOOSE), Pose((0.16, 0.36, -0.42), CLOSE, -2.5, 0.0, FLAT), one=False
    ),
    "pinch": Stroke(
        Pose((0.00, 0.44, -0.25), BELOW, -0.7, 0.3, PINCH), Pose((0.02, 0.46, -0.36), BELOW, -0.6, 0.0, PINCH)
    ),
    "point": Stroke(
        Pose((0.02, 0.40, -0.28), BELOW, -0.9, 0.3, POINT),
        Pose((0.03, 0.45, -0.37), BELOW, -0.8, 0.0, POINT),
        both=False,
    ),
    "press": Stroke(Pose((0.02, 0.44, -0.32), BELOW, 0.2, 0.3, FLAT), Pose((0.04, 0.44, -0.43), BELOW, 0.2, 0.2, FLAT)),
    "chop": Stroke(
        Pose((-0.02, 0.42, -0.30), BELOW, -0.8, 0.25, FLAT), Pose((0.00, 0.47, -0.42), BELOW, -0.8, -0.2, FLAT)
    ),
    "self": Stroke(
        Pose((-0.08, 0.32, -0.38), ASIDE, -0.9, 0.0, LOOSE),
        Pose((-0.17, 0.26, -0.31), ASIDE, -0.9, 0.0, FLAT),
        both=False,
    ),
    "turn": Stroke(
        Pose((0.02, 0.42, -0.38), BELOW, -0.5, 0.0, LOOSE), Pose((0.08, 0.42, -0.40), BELOW, -1.9, 0.1, FLAT)
    ),
    "fist": Stroke(
        Pose((0.00, 0.42, -0.32), BELOW, -0.8, 0.2, FIST), Pose((0.02, 0.46, -0.43), BELOW, -0.8, -0.1, FIST)
    ),
}


def write(path: Path | None = None) -> None:
    """Write the poses that come with the package, as halves: of ten gestures they take four kilobytes."""
    poses = [REST, *(pose for stroke in STROKES.values() for pose in (stroke.before, stroke.after)), STANCE]
    points = _strike(poses)
    seen = points[:, :, [0, 2, 1]] * (1, 1, -1)
    stance = seen[-1] - seen[-1, list(SHOULDERS)].mean(axis=0)
    width, arm = _length(stance, *SHOULDERS), _length(stance, SHOULDER, ELBOW) + _length(stance, ELBOW, WRIST)
    palm = _length(stance, WRIST, KNUCKLE)
    for part in (LEFT_HAND, RIGHT_HAND):
        stance[part] = stance[part.start] + PEOPLE * (stance[part] - stance[part.start])
    hands = seen[:-1, LEFT_HAND] - seen[:-1, [WRIST]]
    arrays = {
        "wrists": (seen[:-1, WRIST] - seen[:-1, SHOULDER]) / arm,
        "hands": hands / palm,
        "stance": stance / width,
    }
    allowed = np.array([(stroke.one, stroke.both) for stroke in STROKES.values()])
    kept = path or Path(str(resources.files("cyberhost_cli.preprocess.gestures") / "poses.npz"))
    with atomic_file(kept) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allowed=allowed, **{name: array.astype(np.float16) for name, array in arrays.items()})


def _strike(poses: list[Pose]) -> Float32[np.ndarray, "f 133 3"]:
    """Return the actor's points in metres: x towards its left, -y forwards, z up."""
    body = bodies.load()
    still = {"head": turning.single(np.eye(3)[None])}
    joints = body.pose(AVERAGE, still, {}).joints[0]
    columns = ("wrist", "elbow", "twist", "bend", "curl")
    motion = Reach(**{name: np.array([getattr(pose, name) for pose in poses], np.float64) for name in columns})
    rotations = arms.reach(body, joints, "L", motion) | arms.reach(body, joints, "R", motion)
    return keypoints.places(body, body.pose(AVERAGE, rotations, {}))


def _length(points: Float64[np.ndarray, "133 3"], one: int, other: int) -> float:
    return float(np.linalg.norm(points[one] - points[other]))
