"""Speech features around every video frame."""

import importlib

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.config.inputs import SpeechConfig
from cyberhost_cli.preprocess.files import Finder
from cyberhost_cli.preprocess.speech import isolation, logmel, pieces, windows
from cyberhost_cli.preprocess.speech.windows import Samples


def encode(samples: Samples, config: SpeechConfig, fps: int, find: Finder) -> Float32[np.ndarray, "f t d"]:
    """Return, per video frame, the feature vectors of its window.

    `samples` are mono at `config.sample_rate`. Before and after the recording there is silence. Within a window vectors
    are ordered by time, those of one time by layer. The result is a view, see `windows.slide`.

    Raises:
        CheckpointError: the encoder's weights are missing, or are not those of the preset.
    """
    samples = isolation.isolate(samples, config)
    if config.weights is None:
        return windows.slide(logmel.logmel(samples, config, fps), config)
    # Each of these modules takes two seconds to import.
    module = importlib.import_module(f"cyberhost_cli.preprocess.speech.{config.encoder}")
    encoder: pieces.Encoder = module.Encoder(find(config.weights), config)
    return windows.slide(pieces.encode(encoder, samples, config, fps), config)
