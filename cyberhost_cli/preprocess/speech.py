"""Speech features: log-mel vectors around every video frame."""

from functools import cache

import numpy as np
from jaxtyping import Float32, Int64
from numpy.lib.stride_tricks import sliding_window_view
from transformers.audio_utils import mel_filter_bank

from cyberhost_cli.config.schema import SpeechConfig

Samples = Float32[np.ndarray, "n"]

WINDOW_SECONDS = 0.025
FFT_SECONDS = 0.032
"""The window is zero-padded to this, for the low bands."""
PIECE = 4096
"""Vectors computed at once: flat memory however long the recording."""

LOUDNESS = 0.1
"""Root mean square that voiced speech is brought to, -20 dB of full scale."""
MAX_GAIN = 100.0
"""Beyond +40 dB it is noise that would be made loud."""
VOICED = 0.01
"""Blocks down to this share of the loud blocks' power, -20 dB, count as voiced."""
BLOCK_SECONDS = 0.02

FLOOR = 1e-6
"""Smallest power told from silence, after the loudness is set."""
MEAN, DEVIATION = -3.9, 1.65
"""Of log10 of the floored powers, measured on read speech at `LOUDNESS`."""


def logmel(samples: Samples, config: SpeechConfig, fps: int) -> Float32[np.ndarray, "f t d"]:
    """Return, per video frame, the log-mel vectors of its window, about normal in scale.

    `samples` are mono at `config.sample_rate`. Before and after the recording there is silence. The result is a
    read-only view in which neighbouring frames share memory: an hour takes 30 MB, a copy of it twenty times that.
    safetensors writes such views wrongly: give it `np.ascontiguousarray` of them.
    """
    frames = max(1, round(len(samples) * fps / config.sample_rate))
    starts = _starts(config, fps, frames)
    vectors = np.empty((len(starts), config.bands), dtype=np.float32)
    gain = _gain(samples, config.sample_rate)
    for first in range(0, len(starts), PIECE):
        piece = slice(first, first + PIECE)
        vectors[piece] = _mel(_windows(samples, starts[piece], config.sample_rate) * gain, config)
    windows = sliding_window_view(vectors, config.vectors, axis=0)[:: config.steps_per_frame]
    return windows.swapaxes(1, 2)


def _starts(config: SpeechConfig, fps: int, frames: int) -> Int64[np.ndarray, "steps"]:
    """Return the first sample of every vector of the frames and of `config.window` frames on either side.

    Vector i lies in the middle of the i-th equal part of its frame's time. Its samples are found from that time and not
    by adding hops up, so that nothing drifts where a hop is no whole number of samples.
    """
    rate, per_second = config.sample_rate, fps * config.steps_per_frame
    steps = np.arange(-config.window * config.steps_per_frame, (frames + config.window) * config.steps_per_frame)
    middles = (steps + 0.5) * (rate / per_second)
    starts: np.ndarray = np.rint(middles - _length(rate) / 2).astype(np.int64)
    return starts


def _length(rate: int) -> int:
    return round(WINDOW_SECONDS * rate)


def _windows(samples: Samples, starts: Int64[np.ndarray, "steps"], rate: int) -> Float32[np.ndarray, "steps length"]:
    """Cut the windows out, silence where they reach beyond the samples."""
    first, last = int(starts[0]), int(starts[-1]) + _length(rate)
    inside = samples[max(first, 0) : max(last, 0)]
    before = min(max(-first, 0), last - first)
    padded = np.pad(inside, (before, last - first - before - len(inside)))
    windows: np.ndarray = sliding_window_view(padded, _length(rate))[starts - first]
    return windows


def _mel(windows: Float32[np.ndarray, "steps length"], config: SpeechConfig) -> Float32[np.ndarray, "steps d"]:
    """Return the scaled log10 of the power in each band."""
    bins = round(FFT_SECONDS * config.sample_rate)
    shape = np.hanning(windows.shape[1] + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(windows * shape, bins)) ** 2 / np.square(shape).sum()
    logarithms = np.log10(np.maximum(power @ _filters(config.sample_rate, bins, config.bands), FLOOR))
    scaled: np.ndarray = ((logarithms - MEAN) / DEVIATION).astype(np.float32)
    return scaled


@cache
def _filters(rate: int, bins: int, bands: int) -> np.ndarray:
    """Return the mel filters, frequencies by bands, each with a peak of 1."""
    filters: np.ndarray = mel_filter_bank(bins // 2 + 1, bands, 0.0, rate / 2, rate, norm=None, mel_scale="slaney")
    return filters


def _gain(samples: Samples, rate: int) -> np.float32:
    """Return the factor that brings the voiced part to `LOUDNESS`."""
    block = min(len(samples), round(BLOCK_SECONDS * rate))
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    power = np.einsum("ij,ij->i", blocks, blocks) / block
    voiced = power[power >= VOICED * np.percentile(power, 95)]
    return np.float32(min(MAX_GAIN, LOUDNESS / max(np.sqrt(voiced.mean()), 1e-9)))
