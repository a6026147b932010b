"""What both hands do: they rest before the body, strike on stressed syllables, and go back in pauses."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from cyberhost_cli.synth.accents import Accents
from cyberhost_cli.synth.arms import Reach
from cyberhost_cli.synth.drifting import Curve, drift, ease
from cyberhost_cli.synth.gestures import REST, STROKES, Pose, Stroke

_STROKE = (0.2, 0.3)
"""Seconds of a stroke, which ends on its syllable."""
_READY = (0.3, 0.5)
"""Seconds in which a hand gets ready for it."""
_HOLD = (0.1, 0.35)
"""Seconds for which the hand then stays, at least."""
_BACK = (0.5, 0.9)
"""Seconds in which it goes back to rest."""
_BEFORE = -1.0
"""When hands begin to do what they do: before the clip."""
_ANOTHER = 0.45
"""How likely a stroke is of another gesture than the one before."""
_TOGETHER = 0.65
"""How likely a gesture that one hand or both may do takes both."""
_UNLIKE = np.array([0.03] * 3 + [0.1] * 3 + [0.2, 0.12] + [0.08] * 5)
"""Standard deviations by which no two poses are alike, in the units of `Reach`."""
_AWAKE = np.array([0.012, 0.010, 0.012] + [0.03] * 3 + [0.08, 0.05] + [0.05] * 5)
"""How far hands drift in all they do."""
_HANGING = Pose((0.11, 0.06, -0.96), (0.3, -1.0, 0.0), 0.0, 0.0, (0.3,) * 5)

Numbers = Float64[np.ndarray, "13"]


@dataclass
class Keys:
    """The poses of one hand at some times, between which it moves."""

    times: list[float]
    poses: list[Numbers]
    rest: Numbers
    hanging: bool = False
    """Whether the hand hangs beside the body, out of view."""

    def strike(self, moment: float, before: Numbers, after: Numbers, spans: tuple[float, float, float, float]) -> None:
        """Append a stroke that ends at `moment`; the hand rests before it where there is time."""
        length, ready, held, back = spans
        start, last = moment - length, self.times[-1]
        if len(self.times) == 1 or start - last > held + back + ready:
            self.retract(held, back)
            self._add(start - ready, self.rest)
        else:
            self._add(last + min(held, 0.4 * (start - last)), self.poses[-1])
        self._add(start, before)
        self._add(moment, after)

    def retract(self, held: float, back: float) -> None:
        """Append the way back to rest."""
        if len(self.times) > 1:
            self._add(self.times[-1] + held, self.poses[-1])
            self._add(self.times[-1] + back, self.rest)

    def _add(self, time: float, pose: Numbers) -> None:
        self.times.append(time)
        self.poses.append(pose)


@dataclass(frozen=True)
class Plan:
    """What the left and the right hand do."""

    hands: tuple[Keys, Keys]
    strokes: list[tuple[float, str]]
    """When each stroke ends, and what it is called."""


def numbers(pose: Pose) -> Numbers:
    """Return a pose as one row: wrist, elbow, twist, bend, curl."""
    return np.array([*pose.wrist, *pose.elbow, pose.twist, pose.bend, *pose.curl], np.float64)


def plan(random: np.random.Generator, accents: Accents, energy: float) -> Plan:
    """Choose strokes for the most stressed syllables; larger and more of them with `energy`, 0..1."""
    left, right = (Keys([_BEFORE], [rest], rest) for rest in _rests(random))
    made = Plan((left, right), [])
    kind, favourite, hands = "", int(random.integers(2)), [0, 1]
    for moment in _moments(random, accents, 1.5 - 0.9 * energy) if energy > 0 else ():
        if not kind or random.uniform() < _ANOTHER:
            kind = str(random.choice([name for name in STROKES if name != kind]))
            hands = _hands(random, STROKES[kind], favourite)
        length, ready, held, back = (float(random.uniform(*span)) for span in (_STROKE, _READY, _HOLD, _BACK))
        before = numbers(STROKES[kind].before) + random.normal(0, 1, len(_UNLIKE)) * _UNLIKE
        way = numbers(STROKES[kind].after) - numbers(STROKES[kind].before)
        after = before + random.uniform(0.5, 1.0) * (0.5 + 0.6 * energy) * way
        for hand in hands:
            apart = random.normal(0, 0.4, (2, len(_UNLIKE))) * _UNLIKE
            made.hands[hand].strike(moment, before + apart[0], after + apart[1], (length, ready, held, back))
        made.strokes.append((moment, kind))
    for keys in made.hands:
        keys.retract(float(random.uniform(*_HOLD)), float(random.uniform(*_BACK)))
    return made


def hanging(random: np.random.Generator) -> Keys:
    """Return a hand that hangs beside the body."""
    pose = numbers(_HANGING) + random.normal(0, 0.5, len(_UNLIKE)) * _UNLIKE
    return Keys([_BEFORE], [pose], pose, hanging=True)


def play(random: np.random.Generator, times: Curve, keys: Keys) -> Float64[np.ndarray, "f 13"]:
    """Return one hand's pose in every frame: between two keys with the least jerk, and never quite still."""
    moments, poses = np.array(keys.times), np.stack(keys.poses)
    before = np.searchsorted(moments, times, side="right") - 1
    after = np.minimum(before + 1, len(moments) - 1)
    share = ease((times - moments[before]) / np.maximum(moments[after] - moments[before], 1e-6))[:, None]
    awake = _AWAKE * np.stack([drift(random, times, 0.1, 0.6) for _ in _AWAKE], axis=1)
    return poses[before] * (1 - share) + poses[after] * share + awake


def as_reach(rows: Float64[np.ndarray, "f 13"]) -> Reach:
    """Return the rows by name."""
    return Reach(rows[:, :3], rows[:, 3:6], rows[:, 6], rows[:, 7], rows[:, 8:])


def _rests(random: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Return poses of both hands before the chest or the belly, more or less alike."""
    place, turn, curl = random.uniform(-0.02, 0.12), random.uniform(-0.5, 0.9), random.uniform(0.5, 1.8)
    pose = numbers(REST) + np.array([place, *[0.0] * 5, turn, 0.0, *[0.0] * 5])
    pose[8:] *= curl
    left, right = (pose + random.normal(0, 0.8, len(_UNLIKE)) * _UNLIKE for _ in range(2))
    return left, right


def _hands(random: np.random.Generator, stroke: Stroke, favourite: int) -> list[int]:
    if stroke.both and (not stroke.one or random.uniform() < _TOGETHER):
        return [0, 1]
    return [favourite if random.uniform() < 0.75 else 1 - favourite]


def _moments(random: np.random.Generator, accents: Accents, apart: float) -> list[float]:
    """Return stressed syllables at least so many seconds apart, the strongest first come."""
    taken = list[float]()
    for index in np.argsort(-accents.strengths * random.uniform(0.6, 1.0, len(accents.strengths)), kind="stable"):
        moment = float(accents.times[index])
        if all(abs(moment - other) >= apart for other in taken):
            taken.append(moment)
    return sorted(taken)
