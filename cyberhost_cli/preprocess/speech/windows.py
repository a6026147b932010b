"""Time in a recording: video frames, their steps and the window around each."""

import numpy as np
from jaxtyping import Float32, Float64
from numpy.lib.stride_tricks import sliding_window_view

from cyberhost_cli.config.inputs import SpeechConfig

Samples = Float32[np.ndarray, "n"]


def count_frames(samples: int, rate: int, fps: int) -> int:
    """Return how many video frames so many samples last."""
    return max(1, round(samples * fps / rate))


def step_middles(config: SpeechConfig, fps: int, frames: int) -> Float64[np.ndarray, "s"]:
    """Return the time, in samples, of every step of the frames and of `config.window` frames on either side.

    Step i lies in the middle of the i-th equal part of its frame's time. It is found from that time and not by adding
    hops up, so that nothing drifts where a hop is no whole number of samples.
    """
    per_frame = config.steps_per_frame
    steps = np.arange(-config.window * per_frame, (frames + config.window) * per_frame)
    middles: np.ndarray = (steps + 0.5) * (config.sample_rate / (fps * per_frame))
    return middles


def cut(samples: Samples, first: int, last: int) -> Float32[np.ndarray, "m"]:
    """Return samples `first` to `last`, silence where they lie before or after the recording."""
    inside = samples[max(first, 0) : max(last, 0)]
    before = min(max(-first, 0), last - first)
    return np.pad(inside, (before, last - first - before - len(inside)))


def slide(vectors: Float32[np.ndarray, "s l d"], config: SpeechConfig) -> Float32[np.ndarray, "f t d"]:
    """Return the vectors of every frame's window: step after step, within a step layer after layer.

    The result is a read-only view in which neighbouring frames share memory; a copy is as many times larger as a window
    has frames. safetensors writes such views wrongly: give it `np.ascontiguousarray` of them.
    """
    rows = vectors.reshape(-1, vectors.shape[2])
    windows = sliding_window_view(rows, config.vectors, axis=0)[:: config.stride]
    return windows.swapaxes(1, 2)
