"""When which hand is in which pose: strokes on stressed syllables, rest in pauses."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from cyberhost_cli.config.inputs import GesturesConfig
from cyberhost_cli.preprocess.gestures.poses import Poses
from cyberhost_cli.preprocess.speech.prosody import Prosody

STROKE, HOLD = 0.3, 0.12
"""Seconds of a stroke, which ends on its syllable, and for which the hand then stays there, at least."""
BRISK, CALM = 0.45, 0.8
"""Seconds in which hands go back to rest or get ready for the next stroke, at least and where there is time."""
SETTLE = 0.25
"""Seconds from the last syllable before a pause until hands go back to rest."""
ANOTHER = 0.4
"""How likely a stroke within a phrase is of another gesture than the one before."""
TOGETHER = 0.6
"""How likely a gesture that one hand or both may do takes both."""
FAVOURITE = 0.75
"""How likely one hand is the one that this speaker prefers."""
WEAKEST, STRONG = 0.5, 2.0
"""Size of the least strokes beside the largest; they fall on syllables whose stress is `-STRONG` and `STRONG`."""
UNLIKE = 0.015
"""Standard deviation, in lengths of the arm, by which no two strokes are alike."""
PEAK = 1.875
"""Highest speed of a movement of minimum jerk beside its mean speed."""
TURNING = 0.4
"""Lengths of the arm that a turn of the palm by one radian counts as where speed is limited."""

Times = Float64[np.ndarray, "s"]


@dataclass(frozen=True)
class Keys:
    """Poses of one hand at some times, between which it moves."""

    times: Float64[np.ndarray, "k"]
    """Seconds, growing."""
    poses: Float64[np.ndarray, "k 72"]


@dataclass(frozen=True)
class Strokes:
    """The strokes of a speech."""

    times: Times
    """Seconds, of the syllables on which they end."""
    settled: Times
    """When hands go back to rest thereafter; infinite where the speech goes on."""
    sizes: Times


def plan(prosody: Prosody, poses: Poses, config: GesturesConfig, random: np.random.Generator) -> tuple[Keys, Keys]:
    """Choose gestures and return what the left and the right hand do."""
    strokes = find_strokes(prosody, config)
    kinds, moving = _choose(strokes, poses, random)
    left, right = (_keys(strokes, kinds, moving[:, side], poses, random) for side in (0, 1))
    return _limited(left, config.speed), _limited(right, config.speed)


def find_strokes(prosody: Prosody, config: GesturesConfig) -> Strokes:
    """Put strokes on the most stressed syllables that are far enough apart."""
    chosen = _most_stressed(prosody, config.interval)
    times = prosody.times[chosen]
    phrases = np.cumsum(np.diff(prosody.times, prepend=-np.inf) >= config.pause)
    last = prosody.times[np.searchsorted(phrases, phrases[chosen], side="right") - 1]
    ends = np.diff(phrases[chosen], append=np.inf) > 0
    sizes = np.interp(prosody.stress[chosen], (-STRONG, STRONG), (WEAKEST, 1.0)) * config.size
    return Strokes(times, np.where(ends, last + SETTLE, np.inf), sizes)


def _most_stressed(prosody: Prosody, interval: float) -> Int64[np.ndarray, "s"]:
    """Return syllables at least `interval` seconds apart, the first late enough for its stroke."""
    times = prosody.times
    first = np.searchsorted(times, times - interval, side="right")
    last = np.searchsorted(times, times + interval)
    free, taken = times >= STROKE, np.zeros(len(times), dtype=bool)
    for syllable in np.argsort(-prosody.stress, kind="stable"):
        if free[syllable]:
            taken[syllable] = True
            free[first[syllable] : last[syllable]] = False
    return np.flatnonzero(taken)


def _choose(
    strokes: Strokes, poses: Poses, random: np.random.Generator
) -> tuple[Int64[np.ndarray, "s"], Bool[np.ndarray, "s 2"]]:
    """Return the gesture of every stroke, and whether the left and the right hand do it."""
    count, favourite = len(strokes.times), int(random.integers(2))
    begins = np.isfinite(np.concatenate([[0.0], strokes.settled]))[:count]
    kinds, moving = np.zeros(count, dtype=np.int64), np.zeros((count, 2), dtype=bool)
    for stroke in range(count):
        if stroke and not begins[stroke] and random.uniform() > ANOTHER:
            kinds[stroke], moving[stroke] = kinds[stroke - 1], moving[stroke - 1]
            continue
        others = np.flatnonzero(np.arange(len(poses.before)) != (kinds[stroke - 1] if stroke else -1))
        kinds[stroke] = random.choice(others)
        one, both = poses.allowed[kinds[stroke]]
        together = both and (not one or random.uniform() < TOGETHER)
        hand = favourite if random.uniform() < FAVOURITE else 1 - favourite
        moving[stroke] = True if together else np.arange(2) == hand
    return kinds, moving


def _keys(
    strokes: Strokes,
    kinds: Int64[np.ndarray, "s"],
    moving: Bool[np.ndarray, "s"],
    poses: Poses,
    random: np.random.Generator,
) -> Keys:
    """Return the poses of one hand; it rests in strokes of the other one alone."""
    times = strokes.times
    if not len(times):
        return Keys(np.zeros(1), poses.rest[None])
    gaps = np.diff(times, append=np.inf)
    starts = times - np.minimum(STROKE, 0.4 * np.append(np.inf, gaps[:-1]))
    calls = np.append(starts[1:], np.inf)
    held = times + np.minimum(HOLD, 0.1 * gaps)
    # Where there is too little time to rest, hands stay where they are until the next stroke calls.
    settled = np.maximum(held, strokes.settled)
    calm = np.minimum(CALM, (calls - settled) / 2, where=np.isfinite(settled), out=np.zeros_like(calls))
    rests = calm >= BRISK
    leaves = np.where(rests, settled, np.maximum(held, calls - CALM))
    back, ready = (np.where(rests, each, np.inf) for each in (settled + calm, calls - calm))
    begins, ends = _targets(strokes.sizes, kinds, moving, poses, random)
    rest = np.broadcast_to(poses.rest, ends.shape)
    moments = np.stack([starts, times, leaves, back, ready], axis=1)
    kept = np.isfinite(moments)
    keyed = np.stack([begins, ends, ends, rest, rest], axis=1)[kept]
    return Keys(np.append(starts[0] - CALM, moments[kept]), np.concatenate([poses.rest[None], keyed]))


def _targets(
    sizes: Times,
    kinds: Int64[np.ndarray, "s"],
    moving: Bool[np.ndarray, "s"],
    poses: Poses,
    random: np.random.Generator,
) -> tuple[Float64[np.ndarray, "s 72"], Float64[np.ndarray, "s 72"]]:
    """Return the poses in which the strokes of one hand begin and end."""
    begins = poses.before[kinds]
    ends = begins + sizes[:, None] * (poses.after[kinds] - begins)
    aside = random.normal(0, UNLIKE, (2, len(kinds), 3))
    begins[:, :3] += aside[0]
    ends[:, :3] += aside[1]
    begins[~moving] = ends[~moving] = poses.rest
    return begins, ends


def _limited(keys: Keys, speed: float) -> Keys:
    """Let hands not get all the way where they would have to be quicker than `speed`, lengths of the arm per second."""
    poses = keys.poses.copy()
    spans = np.diff(keys.times) * speed / PEAK
    for key, span in enumerate(spans, start=1):
        step = poses[key] - poses[key - 1]
        far = max(np.linalg.norm(step[:3]), TURNING * np.linalg.norm(step[3:6]), TURNING * np.linalg.norm(step[6:9]))
        poses[key] = poses[key - 1] + min(1.0, span / max(far, 1e-9)) * step
    return Keys(keys.times, poses)
