"""Gesturing hands of the person in the reference."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex128, Float32, Float64

from cyberhost_cli.config.inputs import GesturesConfig
from cyberhost_cli.preprocess import bones, regions, retarget
from cyberhost_cli.preprocess.gestures import motion, poses
from cyberhost_cli.preprocess.gestures.plan import find_strokes, plan
from cyberhost_cli.preprocess.gestures.poses import Pose
from cyberhost_cli.preprocess.gestures.sway import Sway, sway
from cyberhost_cli.preprocess.speech.prosody import Prosody
from cyberhost_cli.types import FACE, KEYPOINTS, LEFT_HAND, RIGHT_HAND, Keypoints, KeypointTrack

SURE = 0.96
"""Confidence of the points: the median of those in EchoMimicV2's own poses."""
MARGIN = 0.02
"""Share of the frame's sides that hands keep from its edges."""
FLATTEST = 0.3
"""How little hands move up and down, beside what they should, where the frame has no more room below the chin."""
REACH = 0.98
"""Lengths of the arm that a hand is away from its shoulder at most."""
SIDES = ((LEFT_HAND, 5, 1.0), (RIGHT_HAND, 6, -1.0))
"""Where the points of a hand lie, its shoulder, and which way is outwards: a person's left is on our right."""
FARTHEST, CALMER = 0.15, 0.7
"""Radians by which a hand that a picture shows is turned at most, and its way beside that before the body."""
ELBOW, WRIST, KNUCKLE = 7, LEFT_HAND.start, LEFT_HAND.start + poses.MIDDLE

Hand = Float64[np.ndarray, "f 21 2"]


@dataclass(frozen=True)
class Body:
    """What of a person gestures depend on, in pixels."""

    shoulders: Float64[np.ndarray, "2 2"]
    """The left one first."""
    arm: float
    palm: float
    chin: float


def gesture(
    prosody: Prosody,
    reference: Keypoints,
    size: tuple[int, int],
    clip: tuple[int, int],
    config: GesturesConfig,
    reach: float,
    seed: int,
) -> KeypointTrack:
    """Let hands speak along, in a frame of `size` (height, width) and for a `clip` of so many frames at such a rate.

    They are as large as the reference's and reach no further than its arms. With `config.place` as `picture` they are
    those of the reference, each about where it is, and one that the reference does not show stays away; its shoulders
    and face sway along, within a rectangle of `reach` pixels. Where the frame ends high up hands are lifted into it,
    but not before the face. The same seed gives the same gestures.

    Raises:
        InputError: the reference shows neither shoulders nor face.
    """
    frames, fps = clip
    times = (np.arange(frames) + 0.5) / fps
    random = np.random.default_rng(seed)
    known, body = poses.load(), measure(reference)
    keys = plan(prosody, known, config, random)
    moved = [motion.move(each, times, random) for each in keys]
    hands = {side: _seen(pose, body, side) for side, pose in enumerate(moved)}
    track = np.zeros((frames, KEYPOINTS, 3), dtype=np.float32)
    if config.place == "picture":
        swaying = sway(times, find_strokes(prosody, config), reach, _face_height(reference), random)
        track, trunk = _swaying(reference, swaying), _apart(swaying.trunk)[:, None]
        shown = {side: reference[SIDES[side][0]] for side in hands}
        carried = [side for side, points in shown.items() if regions.extent(points) is not None]
        hands = {side: _carried(shown[side], hands[side]) + trunk for side in carried}
    for side, hand in zip(hands, _framed(list(hands.values()), body.chin, size), strict=True):
        part = SIDES[side][0]
        track[:, part, :2], track[:, part, 2] = hand, SURE
    if config.place == "picture":
        track[:, reference[:, 2] == 0, 2] = 0
    return track


def _face_height(reference: Keypoints) -> float:
    face = regions.extent(reference[FACE])
    return 0.0 if face is None else face.height


def _swaying(reference: Keypoints, swaying: Sway) -> KeypointTrack:
    """Return the shoulders and the face of a picture as they sway."""
    track = np.zeros((len(swaying.tilt), KEYPOINTS, 3), dtype=np.float32)
    for part, way in ((slice(5, 7), swaying.trunk), (FACE, swaying.head)):
        track[:, part] = reference[part]
        track[:, part, :2] += _apart(way)[:, None]
    face = regions.extent(reference[FACE])
    if face is not None:
        middle = complex(*face.centre)
        turned = np.multiply.outer(np.exp(1j * swaying.tilt), reference[FACE, :2] @ (1, 1j) - middle)
        turned += (middle + swaying.head)[:, None]
        track[:, FACE, 0], track[:, FACE, 1] = turned.real, turned.imag
    return track


def _apart(way: Complex128[np.ndarray, "*f"]) -> Float64[np.ndarray, "*f 2"]:
    """Return x and y."""
    return np.stack([way.real, way.imag], axis=-1)


def measure(reference: Keypoints) -> Body:
    """Return how long the arms and hands of a person are and where they hang, as far as the picture tells.

    Raises:
        InputError: neither shoulders nor face are known.
    """
    stance = poses.load().stance
    actor, person = bones.read(stance[None]), bones.read(reference[None])
    scale = bones.body_scale(actor, person)
    ratios = retarget.ratios(actor, person, scale)

    def length(one: int, other: int) -> float:
        return float(np.linalg.norm(stance[one, :2] - stance[other, :2]))

    arm = length(5, ELBOW) * ratios[ELBOW] + length(ELBOW, WRIST) * ratios[9]
    neck, half = person.neck[0], ratios[5] / 2
    hanging = [(neck.real + outwards * half, neck.imag) for _, _, outwards in SIDES]
    shoulders = [
        reference[shoulder, :2] if reference[shoulder, 2] > 0 else place
        for place, (_, shoulder, _) in zip(hanging, SIDES, strict=True)
    ]
    face = regions.extent(reference[FACE])
    chin = neck.imag if face is None else face.bottom
    return Body(np.array(shoulders, np.float64), arm, length(WRIST, KNUCKLE) * ratios[WRIST], float(chin))


def _seen(pose: Pose, body: Body, side: int) -> Hand:
    """Return where the camera sees a hand."""
    away = np.linalg.norm(pose[:, :3], axis=1, keepdims=True)
    pose[:, :3] *= np.minimum(1, REACH / np.maximum(away, REACH))
    points = poses.place(pose, body.arm, body.palm)
    return body.shoulders[side] + points[:, :, :2] * (SIDES[side][2], -1)


def _carried(shown: Float32[np.ndarray, "21 3"], hand: Hand) -> Hand:
    """Return the hand that a picture shows, carried as another one moves and turned as it turns."""
    known = shown[:, 2:] > 0
    middle = shown[:, :2].mean(axis=0, where=known, dtype=np.float64)
    points = np.where(known, shown[:, :2], middle) - middle
    along = (hand[:, poses.MIDDLE] - hand[:, 0]) @ (1, 1j)
    angles = np.clip(_centred(np.angle(along / along.mean())), -FARTHEST, FARTHEST)
    turned = np.multiply.outer(np.exp(1j * angles), points @ (1, 1j))
    return middle + CALMER * _centred(hand[:, :1]) + _apart(turned)


def _centred(moves: Float64[np.ndarray, "f *d"]) -> Float64[np.ndarray, "f *d"]:
    """Return moves that go equally far to both sides of 0."""
    return moves - (moves.min(axis=0) + moves.max(axis=0)) / 2


def _framed(hands: list[Hand], chin: float, size: tuple[int, int]) -> list[Hand]:
    """Lift the hands into the frame, and keep each from its left and right edge."""
    if not hands:
        return []
    height, width = size
    left, right, bottom = MARGIN * width, (1 - MARGIN) * width, (1 - MARGIN) * height
    wrists = np.stack([hand[:, 0, 1] for hand in hands])
    around = np.stack([hand[:, :, 1] - hand[:, :1, 1] for hand in hands])
    high, low = wrists.min(), wrists.max()
    lowest, highest = bottom - around.max(), chin - around.min()
    if low > lowest:
        share = np.clip((lowest - highest) / max(low - high, 1.0), FLATTEST, 1)
        lowest = max(lowest, min(highest + share * (low - high), low))
        wrists = lowest - share * (low - wrists)
    framed = []
    for hand, wrist in zip(hands, wrists, strict=True):
        x, y = hand[:, :, 0], hand[:, :, 1] - hand[:, :1, 1] + wrist[:, None]
        aside = np.maximum(left - x.min(axis=1), 0) - np.maximum(x.max(axis=1) - right, 0)
        framed.append(np.stack([x + aside[:, None], y], axis=2))
    return framed
