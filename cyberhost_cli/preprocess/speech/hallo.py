"""Hidden states of wav2vec 2.0 as Hallo was trained with them."""

import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.preprocess.speech import pieces, pretrained, wav2vec2, windows
from cyberhost_cli.preprocess.speech.pieces import States
from cyberhost_cli.preprocess.speech.windows import Samples


def encode(samples: Samples, config: SpeechConfig, fps: int, folder: Path) -> Float32[np.ndarray, "s l d"]:
    """Return one step per frame, and the first and the last of the recording again for the windows that reach beyond.

    Up to `speech.piece_seconds` equal to Hallo's `AudioProcessor.preprocess` without `clip_length`, which is how it
    prepared its training data: with it the recording ends in silence up to a whole clip. Longer ones are heard in
    pieces that are joined. The last frame, if it lasts no half, is heard but not told.
    """
    hearing = _Hearing(wav2vec2.load(folder), config, fps, samples)
    frames = windows.count_frames(len(samples), config.sample_rate, fps)
    # All its steps are asked for, so that the transformer hears them all.
    wanted = np.arange(-config.window, max(frames + config.window, hearing.steps))
    told = pieces.join(hearing, np.clip(wanted, 0, hearing.steps - 1).astype(np.float64), config)
    return told[: frames + 2 * config.window]


class _Hearing:
    """Tells the last `layers` hidden states of a transformer that hears one step per frame.

    What the convolutions find is stretched to the steps before, the first on the first and the last on the last.
    """

    longest = None

    def __init__(self, network: wav2vec2.Network, config: SpeechConfig, fps: int, samples: Samples) -> None:
        pretrained.check(network.folder, config, network.extractor.sampling_rate, network.layers, network.width)
        self.hop = config.sample_rate / fps
        self.steps = math.ceil(len(samples) / config.sample_rate * fps)
        self._network, self._layers = network, config.layers
        normal = network.extractor(samples, sampling_rate=config.sample_rate, return_tensors="np").input_values[0]
        self._convolved = wav2vec2.Convolved(network, normal)
        count = max(1, (len(samples) - network.reach) // network.hop + 1)
        # In single precision, as PyTorch finds them: a minute on, rounding moves what is told by more than 1e-3.
        scale = np.float32(count - 1) / np.float32(max(1, self.steps - 1))
        self._positions = np.minimum(np.arange(self.steps, dtype=np.float32) * scale, count - 1).astype(np.float64)

    def states(self, start: int, stop: int) -> States:
        """Return hidden states, the first layer first."""
        at = self._positions[start:stop]
        first = int(at[0])
        found = self._convolved.found(first, math.ceil(at[-1]) + 1)
        stretched = pieces.interpolate(found.transpose(0, 2).numpy(), at - first)
        return self._network.states(torch.from_numpy(stretched).transpose(0, 2), self._layers)
