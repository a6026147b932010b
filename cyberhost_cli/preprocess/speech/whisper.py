"""Encoder states of Whisper."""

from pathlib import Path

import numpy as np
import torch
from transformers import WhisperFeatureExtractor, WhisperModel

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.preprocess.speech import loudness, pretrained, windows
from cyberhost_cli.preprocess.speech.pieces import States
from cyberhost_cli.preprocess.speech.windows import Samples


class Encoder:
    """Gives the last `layers` of the embedding and the encoder's layers; 5 of the tiny model are all of them.

    The last layer's state is taken before the norm behind it, as EchoMimicV2 takes it. State k is heard from around the
    first sample of its hop of 320, so its true middle is 10 ms earlier than the hop's; EchoMimicV2 too gives states 2i
    and 2i + 1 to frame i.
    """

    def __init__(self, folder: Path, config: SpeechConfig) -> None:
        model, self._extractor = pretrained.load(WhisperModel, WhisperFeatureExtractor, folder)
        shape = model.config
        pretrained.check(folder, config, self._extractor.sampling_rate, shape.encoder_layers + 1, shape.d_model)
        self._rate, self._layers = config.sample_rate, config.layers
        self._encoder = model.get_encoder()
        self._encoder.layer_norm = torch.nn.Identity()
        self.hop = self._extractor.hop_length * self._encoder.conv2.stride[0]
        self.longest = shape.max_source_positions

    def prepare(self, samples: Samples) -> Samples:
        """Return the recording with its voice at the usual loudness."""
        return samples * loudness.gain(samples, self._rate)

    def states(self, samples: Samples, start: int, stop: int) -> States:
        """Return encoder states, the first layer first; what lacks to the network's 30 s is silence."""
        heard = windows.cut(samples, start * self.hop, stop * self.hop)
        mel = self._extractor(heard, sampling_rate=self._rate, return_tensors="pt").input_features
        with torch.inference_mode():
            hidden = self._encoder(mel, output_hidden_states=True).hidden_states
        states: np.ndarray = torch.cat(hidden[-self._layers :]).transpose(0, 1)[: stop - start].numpy()
        return states
