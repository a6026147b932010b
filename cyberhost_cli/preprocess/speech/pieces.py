"""Long recordings in overlapping pieces whose joins do not show."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.errors import PresetError
from cyberhost_cli.preprocess.speech import windows
from cyberhost_cli.preprocess.speech.windows import Samples

States = Float32[np.ndarray, "k l d"]


@runtime_checkable
class Encoder(Protocol):
    """A network that hears a piece of a recording at once and tells its states at a steady pace."""

    hop: int
    """Samples from one state to the next."""
    longest: int | None
    """States that it can tell at once."""

    def prepare(self, samples: Samples) -> Samples:
        """Return the recording as the network expects it; what all pieces share is measured on the whole."""
        ...

    def states(self, samples: Samples, start: int, stop: int) -> States:
        """Return states `start` to `stop` of the prepared recording; before and after it there is silence."""
        ...


@dataclass(frozen=True)
class Piece:
    """States that are computed at once, counted from the recording's beginning."""

    start: int
    stop: int
    join: int
    """From here on it is faded in over the piece before."""


def encode(encoder: Encoder, samples: Samples, config: SpeechConfig, fps: int) -> Float32[np.ndarray, "s l d"]:
    """Return the states at the middle of every step, interpolated between states and faded between pieces.

    State k stands for its hop, samples `k * hop` to `(k + 1) * hop`, and is placed in the middle of it: at 25 frames
    per second with 2 steps each, the pace of the family, steps and states are one. Nothing but the result grows with
    the length of the recording.
    """
    frames = windows.count_frames(len(samples), config.sample_rate, fps)
    positions = windows.step_middles(config, fps, frames) / encoder.hop - 0.5
    length, overlap = _lengths(encoder, config)
    pieces = plan(int(np.floor(positions[0])), int(np.ceil(positions[-1])) + 1, length, overlap)
    prepared = encoder.prepare(samples)
    joins = [-np.inf, *(piece.join for piece in pieces[1:]), np.inf]
    vectors = np.zeros((len(positions), config.layers, config.features), dtype=np.float32)
    for piece, begin, end in zip(pieces, joins[:-1], joins[1:], strict=True):
        inside = slice(*np.searchsorted(positions, (begin, end + overlap)))
        at = positions[inside]
        shares = _faded(at - begin, overlap) - _faded(at - end, overlap)
        states = encoder.states(prepared, piece.start, piece.stop)
        vectors[inside] += shares[:, None, None].astype(np.float32) * _interpolate(states, at - piece.start)
    return vectors


def _lengths(encoder: Encoder, config: SpeechConfig) -> tuple[int, int]:
    """Return how many states a piece has, and how many of them it shares with the next: one at least."""
    pace = config.sample_rate / encoder.hop
    length = max(2, round(config.piece_seconds * pace))
    if encoder.longest is not None and length > encoder.longest:
        longest = encoder.longest / pace
        raise PresetError(
            f"speech.piece_seconds is {config.piece_seconds:g}, but `{config.encoder}` hears {longest:g} s at once",
            f"set `speech.piece_seconds: {longest:g}` or less",
        )
    return length, min(max(1, round(config.piece_overlap * pace)), length // 2)


def plan(first: int, stop: int, length: int, overlap: int) -> list[Piece]:
    """Cover states `first` to `stop` with pieces of one length; the last begins early rather than to be a short one."""
    pieces = [Piece(first, min(first + length, stop), first)]
    while pieces[-1].stop < stop:
        join = pieces[-1].stop - overlap
        end = min(join + length, stop)
        pieces.append(Piece(end - length, end, join))
    return pieces


def _faded(past: Float64[np.ndarray, "s"], overlap: int) -> Float64[np.ndarray, "s"]:
    """Return 0 before a join, 1 from the last state that is shared, and in between how much of the fade is over."""
    if overlap == 1:
        return (past >= 0).astype(np.float64)
    return np.clip(past / (overlap - 1), 0, 1)


def _interpolate(states: States, at: Float64[np.ndarray, "s"]) -> Float32[np.ndarray, "s l d"]:
    last = len(states) - 1
    before = np.minimum(at.astype(np.int64), last)
    share = (at - before).astype(np.float32)[:, None, None]
    between: np.ndarray = states[before] * (1 - share) + states[np.minimum(before + 1, last)] * share
    return between
