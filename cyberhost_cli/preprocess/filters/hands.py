"""Whether hands are to be seen."""

import numpy as np

from cyberhost_cli.config.filters import FiltersConfig
from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.filters.fault import Fault
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, KeypointTrack


def shown(track: KeypointTrack) -> float:
    """Return the share of the frames in which a hand is known."""
    known = [(track[:, hand, 2] > 0).sum(axis=1) >= regions.MIN_POINTS for hand in (LEFT_HAND, RIGHT_HAND)]
    return float(np.any(known, axis=0).mean())


def check(track: KeypointTrack, config: FiltersConfig) -> Fault | None:
    """Tell whether too few frames show a hand; the track is that of the frame, so that hands beyond it do not count."""
    share = shown(track)
    if share >= config.min_hands:
        return None
    return Fault("no hands", f"a hand in {share:.0%} of the frames, expected {config.min_hands:.0%}")
