"""Points that are not known for a moment, filled in from before and after."""

import numpy as np

from cyberhost_cli.types import KeypointTrack

TRUST = 0.5
"""Confidence of what was filled in, as a share of that of the points around it."""


def fill(track: KeypointTrack, fps: float, max_gap: float) -> KeypointTrack:
    """Draw straight lines through gaps of at most `max_gap` seconds; longer ones, and both ends, stay as they are."""
    filled = track.copy()
    for point in np.flatnonzero((track[:, :, 2] > 0).any(axis=0)):
        known = np.flatnonzero(track[:, point, 2] > 0)
        missing = np.setdiff1d(np.arange(len(track)), known)
        after = np.searchsorted(known, missing)
        inner = (after > 0) & (after < len(known))
        missing, after = missing[inner], after[inner]
        short = known[after] - known[after - 1] - 1 <= round(max_gap * fps)
        for axis, trust in enumerate((1, 1, TRUST)):
            between = np.interp(missing[short], known, track[known, point, axis])
            filled[missing[short], point, axis] = trust * between
    return filled
