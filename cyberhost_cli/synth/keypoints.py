"""Where the 133 points of COCO-WholeBody are in each frame of an actor, and how far its mouth is open."""

import json
from functools import cache
from importlib import resources

import numpy as np
from anny.keypoints import KeypointsRegressor
from jaxtyping import Float32, Int64

from cyberhost_cli.synth.body import Body, Points, PosedBody
from cyberhost_cli.synth.camera import Camera
from cyberhost_cli.types import BODY, FACE, FEET, KEYPOINTS, LEFT_HAND, RIGHT_HAND, Keypoints

_PAIRS = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
_BODY_LABELS = ("nose", *(f"{side}_{part}" for part in _PAIRS for side in ("left", "right")))
_FEET_LABELS = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("big_toe", "small_toe", "heel"))
_LIPS = ((537, 540), (539, 534), (7267, 7263))
"""Vertices on the inner edges of the upper and the lower lip, opposite to each other."""
_DEPTH = np.full(KEYPOINTS, 0.05)
"""Metres of body that may lie before a point that counts as seen: joints are inside limbs."""
_DEPTH[BODY] = 0.1
_DEPTH[LEFT_HAND.start :] = 0.022


@cache
def _table() -> tuple[Int64[np.ndarray, "68 3"], Float32[np.ndarray, "68 3"]]:
    """Read the three vertices around each of the 68 face points, and their weights.

    Made by running MediaPipe's face mesh on frontal renderings of the average body, lips parted for the points of
    the mouth, and casting rays through the points found.
    """
    text = (resources.files("cyberhost_cli.synth") / "data/face_points.json").read_text(encoding="utf-8")
    table = json.loads(text)
    return np.array(table["vertices"], np.int64), np.array(table["weights"], np.float32)


@cache
def _regressor(body: Body) -> Float32[np.ndarray, "k v"]:
    labels = list(_BODY_LABELS + _FEET_LABELS)
    return np.asarray(KeypointsRegressor.coco(body.model, labels).regression_weights.numpy(), np.float32)


def face_points(vertices: Float32[np.ndarray, "*f v 3"]) -> Float32[np.ndarray, "*f 68 3"]:
    """Return the 68 points of the face, in metres."""
    corners, weights = _table()
    return np.asarray((vertices[..., corners, :] * weights[:, :, None]).sum(axis=-2))


def places(body: Body, posed: PosedBody) -> Float32[np.ndarray, "f 133 3"]:
    """Return all points in metres."""
    points = np.empty((len(posed.vertices), KEYPOINTS, 3), np.float32)
    points[:, BODY.start : FEET.stop] = _regressor(body) @ posed.vertices
    points[:, FACE] = face_points(posed.vertices)
    for side, part in (("L", LEFT_HAND), ("R", RIGHT_HAND)):
        points[:, part] = _hand(body, posed, side)
    return points


def see(points: Points, distances: Float32[np.ndarray, "133"], camera: Camera) -> Keypoints:
    """Return the pixels of one frame's points; confidence 0 where a surface at `distances` hides them, or outside."""
    pixels = camera.project(points)
    inside = ((pixels > 0) & (pixels < camera.size)).all(axis=1)
    seen = distances > np.linalg.norm(points - camera.place, axis=1) - _DEPTH
    return np.concatenate([pixels, (inside & seen)[:, None]], axis=1).astype(np.float32)


def lip_gaps(body: Body, posed: PosedBody) -> Float32[np.ndarray, "f 3"]:
    """Return the height in metres of the gap between the lips at three places; below 0 where they overlap."""
    upwards = posed.turns[:, body.bones["head"], :3, 2]
    uppers, lowers = zip(*_LIPS, strict=True)
    apart = posed.vertices[:, list(uppers)] - posed.vertices[:, list(lowers)]
    return np.einsum("fi,fpi->fp", upwards, apart)


def mouth_opening(body: Body, posed: PosedBody, face_height: float) -> Float32[np.ndarray, "f"]:
    """Return the distance between the inner lips as a share of `face_height`, 0 where they touch."""
    return np.asarray(np.clip(lip_gaps(body, posed), 0, None).mean(axis=1) / face_height, np.float32)


def _hand(body: Body, posed: PosedBody, side: str) -> Float32[np.ndarray, "f 21 3"]:
    points = [posed.joints[:, body.bones[f"wrist.{side}"]]]
    for finger in range(1, 6):
        points += [posed.joints[:, body.bones[f"finger{finger}-{joint}.{side}"]] for joint in (1, 2, 3)]
        points.append(posed.vertices[:, body.tips[f"finger{finger}.{side}"]].mean(axis=1))
    return np.stack(points, axis=1)
