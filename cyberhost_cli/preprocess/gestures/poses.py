"""Poses of one arm between which gestures move, and the body that they were taken from."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from jaxtyping import Bool, Float64

from cyberhost_cli.types import Keypoints

# Within one hand.
INDEX, MIDDLE, LITTLE = 5, 9, 17
"""Knuckles."""

Pose = Float64[np.ndarray, "p 72"]
"""What can be mixed of a pose: the wrist's place, two directions of the palm, the hand's points seen from the palm."""


@dataclass(frozen=True)
class Poses:
    """Made by `synth.gestures.write`; axes are outwards, up and forwards, so that one arm serves for both."""

    rest: Float64[np.ndarray, "72"]
    before: Float64[np.ndarray, "g 72"]
    """Where the stroke of each gesture begins."""
    after: Float64[np.ndarray, "g 72"]
    """Where it ends, on the stressed syllable."""
    allowed: Bool[np.ndarray, "g 2"]
    """Whether one hand may do it, and whether both may."""
    stance: Keypoints
    """Arms and hands in their full length, seen from the front; 1 is the width of the shoulders."""


@cache
def load() -> Poses:
    """Read the poses that come with the package."""
    with (resources.files("cyberhost_cli.preprocess.gestures") / "poses.npz").open("rb") as file:
        arrays = np.load(file)
        wrists, hands, stance = (arrays[name].astype(np.float64) for name in ("wrists", "hands", "stance"))
        allowed = arrays["allowed"]
    poses = _mixable(wrists, hands)
    # Pictures have y down.
    seen = np.stack([stance[:, 0], -stance[:, 1], np.ones(len(stance))], axis=1)
    return Poses(poses[0], poses[1::2], poses[2::2], allowed, seen.astype(np.float32))


def place(poses: Pose, arm: float, palm: float) -> Float64[np.ndarray, "p 21 3"]:
    """Return the points of the hands from the shoulder, for such lengths of the arm and of the palm."""
    along, across = poses[:, 3:6], poses[:, 6:9]
    points = poses[:, 9:].reshape(-1, 21, 3) @ _axes(along, across).transpose(0, 2, 1)
    return arm * poses[:, None, :3] + palm * points


def _mixable(wrists: Float64[np.ndarray, "p 3"], hands: Float64[np.ndarray, "p 21 3"]) -> Pose:
    along, across = hands[:, MIDDLE], hands[:, INDEX] - hands[:, LITTLE]
    axes = _axes(along, across)
    local = (hands @ axes).reshape(len(hands), -1)
    return np.concatenate([wrists, axes[:, :, 0], axes[:, :, 1], local], axis=1)


def _axes(along: Float64[np.ndarray, "p 3"], across: Float64[np.ndarray, "p 3"]) -> Float64[np.ndarray, "p 3 3"]:
    """Return the palm's right angles: towards the fingers, towards the thumb, out of the back or the palm."""
    first = along / np.linalg.norm(along, axis=1, keepdims=True)
    aside = across - (across * first).sum(axis=1, keepdims=True) * first
    second = aside / np.linalg.norm(aside, axis=1, keepdims=True)
    return np.stack([first, second, np.cross(first, second)], axis=2)
