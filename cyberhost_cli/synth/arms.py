"""Arms that reach for a point: two bones, an elbow that hangs, a hand that turns."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from cyberhost_cli.synth import turning
from cyberhost_cli.synth.body import Body, Rotations
from cyberhost_cli.synth.turning import Matrices, Vectors

_DROP = 0.16
"""Radians by which the collar bones are lowered against the model's rest pose, in which the arms are half raised."""


@dataclass(frozen=True)
class Reach:
    """What one arm does in every frame, mirrored for the right arm."""

    wrist: Vectors
    """Where the wrist is, from the shoulder, in lengths of the arm: outwards, forwards, up."""
    elbow: Vectors
    """Where the elbow lies, as a direction in the same axes."""
    twist: Float64[np.ndarray, "f"]
    """Turn of the palm in radians; 0 is as the forearm brings it, positive turns it up."""
    bend: Float64[np.ndarray, "f"]
    """Raising of the hand at the wrist, radians."""
    curl: Float64[np.ndarray, "f 5"]
    """Bending of thumb and fingers, radians per joint."""


def reach(body: Body, joints: Float32[np.ndarray, "j 3"], side: str, motion: Reach) -> Rotations:
    """Turn the bones of the arm on `side` (L or R); `joints` are those of the person in the model's reference pose."""
    sign = 1.0 if side == "L" else -1.0
    place = {
        name: joints[body.bones[f"{name}.{side}"]].astype(np.float64)
        for name in ("clavicle", "upperarm01", "lowerarm01", "wrist", "finger3-1", "finger2-1", "finger5-1")
    }
    frames = len(motion.twist)
    axes = np.array([[sign, 0, 0], [0, -1, 0], [0, 0, 1]])
    collar = turning.about(np.array([0.0, 1.0, 0.0]), np.full(frames, sign * _DROP))
    upper, lower = place["lowerarm01"] - place["upperarm01"], place["wrist"] - place["lowerarm01"]
    lengths = float(np.linalg.norm(upper)), float(np.linalg.norm(lower))
    to_elbow, to_wrist = _solve(motion.wrist @ axes * sum(lengths), motion.elbow @ axes, *lengths)
    hinge_rest = np.cross(upper, lower)
    hinge = np.cross(to_elbow, to_wrist)
    turn_upper = _carry(upper, hinge_rest, to_elbow, hinge)
    turn_lower = _carry(lower, hinge_rest, to_wrist, hinge)
    lateral = place["finger2-1"] - place["finger5-1"]
    palm = np.cross(place["finger3-1"] - place["wrist"], lateral)
    half = turning.about(lower, motion.twist * sign / 2)
    rotations = {
        "clavicle": collar,
        "upperarm01": collar.transpose(0, 2, 1) @ turn_upper,
        "lowerarm01": turn_upper.transpose(0, 2, 1) @ turn_lower,
        "lowerarm02": half,
        "wrist": half @ turning.about(lateral, motion.bend * sign),
    }
    for finger in range(1, 6):
        for joint in range(1, 4):
            axis = lateral if finger > 1 else palm * sign
            share = motion.curl[:, finger - 1] * (1.0 if joint > 1 or finger == 1 else 0.7)
            rotations[f"finger{finger}-{joint}"] = turning.about(axis, -share * sign)
    return {f"{name}.{side}": turning.single(matrices) for name, matrices in rotations.items()}


def _solve(target: Vectors, hint: Vectors, upper: float, lower: float) -> tuple[Vectors, Vectors]:
    """Return the directions of the upper arm and the forearm (law of cosines)."""
    distance = np.clip(np.linalg.norm(target, axis=1, keepdims=True), abs(upper - lower) * 1.05, (upper + lower) * 0.98)
    along = turning.unit(target)
    aside = turning.unit(hint - (hint * along).sum(axis=1, keepdims=True) * along)
    share = (upper**2 + distance**2 - lower**2) / (2 * distance)
    elbow = share * along + np.sqrt(np.clip(upper**2 - share**2, 0, None)) * aside
    return turning.unit(elbow), turning.unit(distance * along - elbow)


def _carry(
    rest: Float64[np.ndarray, "3"], rest_beside: Float64[np.ndarray, "3"], posed: Vectors, posed_beside: Vectors
) -> Matrices:
    """Return the turns that carry one direction, and a second one at its side, onto others."""
    start = turning.basis(rest[None], rest_beside[None])
    return np.asarray(turning.basis(posed, posed_beside) @ start.transpose(0, 2, 1))
