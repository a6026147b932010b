"""How an actor moves while it talks: head, eyes, brows, chest and hands."""

import numpy as np
from jaxtyping import Float32, Float64

from cyberhost_cli.synth import arms, mouth, turning
from cyberhost_cli.synth.arms import Reach
from cyberhost_cli.synth.body import Actions, Body, Rotations
from cyberhost_cli.synth.speech import Speech

_SIDES = ("Left", "Right")
Curve = Float64[np.ndarray, "f"]


def drift(random: np.random.Generator, times: Curve, slowest: float, fastest: float) -> Curve:
    """Return a smooth curve within -1..1: a few waves between two frequencies in hertz."""
    frequencies = random.uniform(slowest, fastest, 4)
    phases = random.uniform(0, 2 * np.pi, 4)
    weights = random.uniform(0.4, 1.0, 4)
    waves = np.sin(2 * np.pi * frequencies * times[:, None] + phases)
    return np.asarray(waves @ (weights / weights.sum()))


def move(
    body: Body, joints: Float32[np.ndarray, "j 3"], speech: Speech, frames: int, fps: int, random: np.random.Generator
) -> tuple[Rotations, Actions]:
    """Move a whole clip; `joints` are those of the person in the model's reference pose."""
    times = (np.arange(frames) + 0.5) / fps
    stress = mouth.loudness(speech, times, 0.3)
    rotations = _trunk(random, times, stress) | _gaze(random, times)
    raised = random.uniform() < 0.5
    one = str(random.choice(["L", "R"])) if random.uniform() < 0.3 else None
    for side in "LR":
        up = raised and one in (None, side)
        motion = _gesture(random, times, stress) if up else _hanging(random, times)
        rotations |= arms.reach(body, joints, side, motion)
    return rotations, _face(random, times, stress)


def pleasant(frames: int) -> Actions:
    """Return the actions of a friendly face that does nothing."""
    levels = {"mouthSmile": 0.2, "browOuterUp": 0.1}
    curves = {f"{name}{side}": np.full(frames, level, np.float32) for name, level in levels.items() for side in _SIDES}
    return curves | {"browInnerUp": np.full(frames, 0.2, np.float32)}


def _trunk(random: np.random.Generator, times: Curve, stress: Curve) -> Rotations:
    def sway(degrees: float, fastest: float) -> Curve:
        return np.radians(degrees) * drift(random, times, 0.08, fastest)

    nod = np.radians(random.uniform(1, 4)) * (stress - stress.mean())
    facing = np.radians(random.uniform(-6, 6, 3) * (0.5, 0.5, 1.0))
    turns = {
        "spine03": turning.euler(sway(1.0, 0.3), sway(1.5, 0.25), sway(1.5, 0.25)),
        "spine01": turning.euler(sway(1.0, 0.3), sway(1.5, 0.25), sway(2.0, 0.25)),
        "neck02": turning.euler(sway(2.0, 0.5) + 0.4 * nod, sway(2.0, 0.4), sway(3.0, 0.4) + 0.5 * facing[2]),
        "head": turning.euler(
            sway(3.0, 0.6) + 0.6 * nod + facing[0], sway(3.0, 0.4) + facing[1], sway(4.0, 0.4) + 0.5 * facing[2]
        ),
    }
    return {name: turning.single(matrices) for name, matrices in turns.items()}


def _gaze(random: np.random.Generator, times: Curve) -> Rotations:
    """Let the eyes jump a little, now and then."""
    jumps = np.cumsum(random.uniform(size=len(times)) < 0.03)
    places = np.radians(random.normal(0, 1.0, (len(times) + 1, 2)) * (2.0, 4.0))[jumps]
    turns = turning.single(turning.euler(places[:, 0], np.zeros(len(times)), places[:, 1]))
    return {"eye.L": turns, "eye.R": turns}


def _face(random: np.random.Generator, times: Curve, stress: Curve) -> Actions:
    blink = np.zeros_like(times)
    moment = random.uniform(0.2, 2.5)
    while moment < times[-1]:
        blink += np.exp(-0.5 * ((times - moment) / 0.055) ** 2)
        moment += random.uniform(1.5, 4.5)
    brows = np.clip(0.10 + 0.35 * (stress - 0.5) + 0.2 * drift(random, times, 0.1, 0.5), 0, 0.6)
    smile = np.full_like(times, random.uniform(0.05, 0.25))
    curves = {
        "eyeBlinkLeft": np.clip(blink, 0, 1),
        "eyeWideLeft": np.full_like(times, random.uniform(0.0, 0.3)) * (1 - np.clip(blink, 0, 1)),
        "browInnerUp": brows + 0.1,
        "browOuterUpLeft": brows,
        "mouthSmileLeft": smile,
    }
    both = {name.replace("Left", "Right"): curve for name, curve in curves.items() if name.endswith("Left")}
    return {name: curve.astype(np.float32) for name, curve in (curves | both).items()}


def _gesture(random: np.random.Generator, times: Curve, stress: Curve) -> Reach:
    """Raise a hand before the chest and stroke on loud moments."""
    home = np.array([random.uniform(-0.04, 0.10), random.uniform(0.38, 0.50), random.uniform(-0.20, -0.08)])
    size = random.uniform(0.4, 1.0)
    beat = (stress - 0.5) * size
    stroke = np.array([random.uniform(0.0, 0.06), random.uniform(0.0, 0.06), random.uniform(0.03, 0.10)])
    wander = np.stack([drift(random, times, 0.1, 0.6) for _ in range(3)], axis=1) * (0.05, 0.03, 0.05) * size
    curl = random.uniform(0.1, 0.45) + 0.08 * np.stack([drift(random, times, 0.1, 0.7) for _ in range(5)], axis=1)
    curl[:, 0] *= 0.5
    return Reach(
        wrist=home + wander + beat[:, None] * stroke,
        elbow=np.tile([0.8, -0.2, -1.0], (len(times), 1)),
        twist=random.uniform(-1.3, 0.2) + 0.25 * drift(random, times, 0.1, 0.6) - 0.3 * beat,
        bend=random.uniform(-0.1, 0.35) + 0.12 * drift(random, times, 0.1, 0.6) + 0.15 * beat,
        curl=curl,
    )


def _hanging(random: np.random.Generator, times: Curve) -> Reach:
    wrist = np.array([random.uniform(0.06, 0.16), random.uniform(0.02, 0.10), -0.96])
    return Reach(
        wrist=wrist + 0.01 * drift(random, times, 0.1, 0.3)[:, None],
        elbow=np.tile([0.3, -1.0, 0.0], (len(times), 1)),
        twist=np.zeros_like(times),
        bend=np.zeros_like(times),
        curl=np.full((len(times), 5), 0.3),
    )
