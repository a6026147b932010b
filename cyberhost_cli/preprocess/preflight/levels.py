"""Levels of a recording: its peak, offset, clipped parts, bandwidth and noise."""

import numpy as np
from jaxtyping import Float32, Float64
from numpy.lib.stride_tricks import sliding_window_view

from cyberhost_cli.types import Recording

Samples = Float32[np.ndarray, "n"]
Activity = Float32[np.ndarray, "f"]

RATE = 16000
"""Of all samples but those of the recording itself."""
BLOCK = 320
"""Samples, 20 ms, of which one power is taken."""
SPOKEN, PAUSED = 0.5, 0.3
"""Voice activity from which on there is speech, and up to which there is a pause."""
MARGIN = 6
"""Blocks around speech, 120 ms, that are no pause: breath, reverberation, and what a detector tells late."""
MIN_PAUSE = 25
"""Blocks, half a second, that tell the noise; with fewer it is taken from the quietest twentieth of the recording."""
LOUD = 0.01
"""Blocks down to this share of the loud ones' power, -20 dB, count as loud."""
CLEAN = 1e-8
"""Noise 80 dB below the speech, the least that is told."""
RUN = 3
"""Neighbouring samples at the same extreme that count as clipped."""
NEAR = 1 - 2.0**-14
"""Share of the extreme that counts as the same: of full scale all but two steps of 16 bits."""
PIECE = 1 << 20
BINS, BAND = 512, 8
"""Length of a spectrum, and how many of its 31 Hz bins make one band."""
FAINT = 10**-5.5
"""Bands weaker than the strongest one by this factor, 55 dB, hold no speech."""


def peak(recording: Recording) -> float:
    """Return the loudest sample of all channels in dB of full scale, at least -120."""
    loudest = max(abs(float(recording.samples.max())), abs(float(recording.samples.min())))
    return float(20 * np.log10(max(loudest, 1e-6)))


def offset(recording: Recording) -> float:
    """Return the largest mean of a channel, as a share of full scale."""
    return float(np.abs(recording.samples.mean(axis=0, dtype=np.float64)).max())


def clipped(recording: Recording) -> float:
    """Return the share of samples, in the worst channel, that lie in runs at the channel's highest or lowest level."""
    return max(_clipped(channel) for channel in recording.samples.T)


def powers(samples: Samples) -> Float64[np.ndarray, "k"]:
    """Return the power of every block; of a shorter sound that of the whole."""
    length = min(BLOCK, len(samples))
    blocks = samples[: len(samples) // length * length].reshape(-1, length)
    return np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64) / length


def at_blocks(activity: Activity, fps: int, blocks: int) -> Float64[np.ndarray, "k"]:
    """Return the voice activity in the middle of every block."""
    middles = (np.arange(blocks) + 0.5) * (BLOCK / RATE)
    return np.interp(middles, (np.arange(len(activity)) + 0.5) / fps, activity)


def pauses(spoken: Float64[np.ndarray, "k"]) -> np.ndarray:
    """Tell for every block, by its voice activity, whether it lies in a pause."""
    around = np.pad(spoken, MARGIN, mode="edge")
    quiet: np.ndarray = sliding_window_view(around, 2 * MARGIN + 1).max(axis=1) < PAUSED
    return quiet


def noise_ratio(power: Float64[np.ndarray, "k"], spoken: Float64[np.ndarray, "k"]) -> float:
    """Return by how many dB the speech is louder than the noise, -20 to 80.

    Args:
        power: of every block.
        spoken: how likely somebody speaks in it.
    """
    talk = power[spoken > SPOKEN]
    if not len(talk):
        talk = power[power >= LOUD * np.percentile(power, 95)]
    paused = power[pauses(spoken)]
    noise = float(np.median(paused) if len(paused) >= MIN_PAUSE else np.percentile(power, 5))
    level = float(talk.mean())
    return float(10 * np.log10(max(level - noise, 0.01 * level) / max(noise, CLEAN * level)))


def bandwidth(samples: Samples) -> float:
    """Return up to how many hertz the loud parts of a sound reach, at most half of `RATE`."""
    frames = np.pad(samples, (0, max(0, BINS - len(samples))))
    frames = frames[: len(frames) // BINS * BINS].reshape(-1, BINS)
    power = np.einsum("ij,ij->i", frames, frames)
    loud = frames[power >= LOUD * np.percentile(power, 95)]
    spectrum = (np.abs(np.fft.rfft(loud * np.hanning(BINS))) ** 2).mean(axis=0)[: BINS // 2]
    bands = spectrum.reshape(-1, BAND).mean(axis=1)
    highest = int(np.flatnonzero(bands >= FAINT * bands.max())[-1])
    return (highest + 1) * BAND * RATE / BINS


def _clipped(channel: Samples) -> float:
    high, low = max(float(channel.max()), 0.0) * NEAR, min(float(channel.min()), 0.0) * NEAR
    count = 0
    for first in range(0, len(channel), PIECE):
        piece = channel[first : first + PIECE]
        count += _in_runs((piece >= high) & (piece > 0)) + _in_runs((piece <= low) & (piece < 0))
    return count / len(channel)


def _in_runs(marks: np.ndarray) -> int:
    """Count the marks that have marked neighbours, `RUN` in a row or more."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], marks, [False]))))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= RUN].sum())
