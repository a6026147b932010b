"""Hidden states of wav2vec 2.0."""

from math import prod
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.preprocess.speech import loudness, pretrained, windows
from cyberhost_cli.preprocess.speech.pieces import States
from cyberhost_cli.preprocess.speech.windows import Samples

PIECE = 32768
"""Steps of the first convolution computed at once: flat memory however long the recording."""


class Encoder:
    """Gives the last `layers` hidden states; 12 of the base model are all but the embedding, as Hallo takes them.

    State k is heard from the 400 samples that begin with its hop of 320; its middle is 2.5 ms later than the hop's.
    """

    longest = None

    def __init__(self, folder: Path, config: SpeechConfig) -> None:
        self._model, extractor = pretrained.load(Wav2Vec2Model, Wav2Vec2FeatureExtractor, folder)
        shape = self._model.config
        pretrained.check(folder, config, extractor.sampling_rate, shape.num_hidden_layers, shape.hidden_size)
        self._rate, self._layers, self._normalise = config.sample_rate, config.layers, bool(extractor.do_normalize)
        self.hop = prod(shape.conv_stride)
        self._reach = 1
        for kernel, stride in zip(reversed(shape.conv_kernel), reversed(shape.conv_stride), strict=True):
            self._reach = (self._reach - 1) * stride + kernel
        self._first = self._model.feature_extractor.conv_layers[0]
        self._norm = self._first.layer_norm if shape.feat_extract_norm == "group" else None

    def prepare(self, samples: Samples) -> Samples:
        """Return the recording with mean 0 and variance 1 if the model was trained so.

        The variance is that of the voiced part: speech among long pauses is then as loud as speech without any, and
        the noise of a silent recording stays soft.
        """
        gain = loudness.gain(samples, self._rate)
        if self._normalise:
            gain = np.float32(gain / loudness.LOUDNESS)
            samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
        prepared = samples * gain
        if self._norm is not None:
            self._first.layer_norm = _measure(self._first.conv, self._norm, prepared)
        return prepared

    def states(self, samples: Samples, start: int, stop: int) -> States:
        """Return hidden states, the first layer first."""
        first = start * self.hop
        heard = windows.cut(samples, first, first + (stop - start - 1) * self.hop + self._reach)
        with torch.inference_mode():
            hidden = self._model(torch.from_numpy(heard)[None], output_hidden_states=True).hidden_states
        states: np.ndarray = torch.cat(hidden[-self._layers :]).transpose(0, 1).numpy()
        return states


class _SteadyNorm(nn.Module):
    """The norm of the base model's first convolution with the mean and variance of a whole recording.

    The model takes them from all that it hears at once; a piece that is a pause would be made as loud as speech.
    """

    def __init__(self, scale: Float[Tensor, "c 1"], shift: Float[Tensor, "c 1"]) -> None:
        super().__init__()
        self._scale, self._shift = scale, shift

    def forward(self, found: Float[Tensor, "1 c k"]) -> Float[Tensor, "1 c k"]:
        return found * self._scale + self._shift


def _measure(convolution: nn.Conv1d, norm: nn.GroupNorm, samples: Samples) -> _SteadyNorm:
    """Make the norm for a recording; every channel has its own mean and variance."""
    reach, hop = convolution.kernel_size[0], convolution.stride[0]
    count = max(1, (len(samples) - reach) // hop + 1)
    total = squares = torch.zeros(1, dtype=torch.float64)
    for start in range(0, count, PIECE):
        heard = windows.cut(samples, start * hop, (min(start + PIECE, count) - 1) * hop + reach)
        with torch.inference_mode():
            found = convolution(torch.from_numpy(heard)[None])
        total = total + found.sum(1, dtype=torch.float64)
        squares = squares + found.square().sum(1, dtype=torch.float64)
    mean = total / count
    scale = norm.weight / (squares / count - mean**2 + norm.eps).sqrt()
    shift = norm.bias - mean * scale
    return _SteadyNorm(scale.float()[:, None], shift.float()[:, None])
