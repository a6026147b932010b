"""Whether somebody speaks."""

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.config.filters import FiltersConfig
from cyberhost_cli.preprocess.filters.fault import Fault

SPOKEN = 0.5
"""Voice activity from which on there is speech."""


def check(activity: Float32[np.ndarray, "f"], config: FiltersConfig) -> Fault | None:
    """Tell whether too little of a piece is speech, by the voice activity of its frames."""
    share = float((activity >= SPOKEN).mean())
    if share >= config.min_speech:
        return None
    return Fault("no speech", f"speech in {share:.0%} of the time, expected {config.min_speech:.0%}")
