"""Encoder states of Whisper as EchoMimicV2 was trained with them."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from transformers import WhisperFeatureExtractor

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.preprocess.speech import pretrained, whisper, windows
from cyberhost_cli.preprocess.speech.pieces import States
from cyberhost_cli.preprocess.speech.windows import Samples

FLOOR = 1e-10
"""Smallest power of a band."""
RANGE = 8.0
"""Powers of ten below the recording's loudest moment; what is softer is raised to that."""


def encode(samples: Samples, config: SpeechConfig, fps: int, folder: Path) -> Float32[np.ndarray, "s l d"]:
    """Return the states of every frame's window, one window behind the other.

    A frame begins at the state before its time, so at 24 frames per second one lasts two states or three, and windows
    are no slices at a steady stride. Those that reach beyond the recording repeat its first or last state.
    """
    network = whisper.load(folder)
    pretrained.check(folder, config, network.extractor.sampling_rate, network.layers, network.width)
    heard = windows.cut(samples, 0, max(len(samples), network.hop))
    states = _states(network, _logmel(heard, network.extractor), config.layers)
    frames = windows.count_frames(len(samples), config.sample_rate, fps)
    begins = np.arange(frames) * config.sample_rate // (network.hop * fps)
    around = np.arange(-config.window * config.steps_per_frame, (config.window + 1) * config.steps_per_frame)
    rows = np.clip(begins[:, None] + around, 0, len(states) - 1)
    told: np.ndarray = states[rows.ravel()]
    return told


def _states(network: whisper.Network, mel: Float32[np.ndarray, "bands columns"], layers: int) -> States:
    """Return two states for every four columns, heard in separate pieces as long as the network hears.

    The last piece is filled up with zeros, which are no silence but a power of 1e-4.
    """
    per_state = network.hop // network.extractor.hop_length
    length = network.longest * per_state
    states = []
    for first in range(0, mel.shape[1], length):
        piece = mel[:, first : first + length]
        count = piece.shape[1] // per_state
        states.append(network.states(np.pad(piece, ((0, 0), (0, length - piece.shape[1]))), layers)[:count])
    return np.concatenate(states)


def _logmel(samples: Samples, extractor: WhisperFeatureExtractor) -> Float32[np.ndarray, "bands columns"]:
    """Return the scaled log10 of the power in every band; the range is that of the whole recording."""
    bins, hop, length = extractor.n_fft, extractor.hop_length, extractor.nb_max_frames
    filters = torch.from_numpy(extractor.mel_filters).float().T
    shape = torch.hann_window(bins)
    padded = torch.from_numpy(np.pad(samples, bins // 2, mode="reflect"))
    count = len(samples) // hop
    found = []
    for first in range(0, count, length):
        last = min(first + length, count) - 1
        heard = padded[first * hop : last * hop + bins]
        power = torch.stft(heard, bins, hop, window=shape, center=False, return_complex=True).abs() ** 2
        found.append((filters @ power).clamp(min=FLOOR).log10())
    logarithms = torch.cat(found, dim=1)
    scaled: np.ndarray = ((logarithms.maximum(logarithms.max() - RANGE) + 4) / 4).numpy()
    return scaled
