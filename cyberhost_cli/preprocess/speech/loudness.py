"""Loudness of the voice in a recording."""

import numpy as np

from cyberhost_cli.preprocess.speech.windows import Samples

LOUDNESS = 0.1
"""Root mean square that voiced speech is brought to, -20 dB of full scale."""
MAX_GAIN = 100.0
"""Beyond +40 dB it is noise that would be made loud."""
VOICED = 0.01
"""Blocks down to this share of the loud blocks' power, -20 dB, count as voiced."""
BLOCK_SECONDS = 0.02


def gain(samples: Samples, rate: int) -> np.float32:
    """Return the factor that brings the voiced part to `LOUDNESS`."""
    block = min(len(samples), round(BLOCK_SECONDS * rate))
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    power = np.einsum("ij,ij->i", blocks, blocks) / block
    voiced = power[power >= VOICED * np.percentile(power, 95)]
    return np.float32(min(MAX_GAIN, LOUDNESS / max(np.sqrt(voiced.mean()), 1e-9)))
