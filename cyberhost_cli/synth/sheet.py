"""Many clips in one picture, to be looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cyberhost_cli.media.video import read_frames
from cyberhost_cli.types import Pixels

_CHUNK = 32


def contact_sheet(clips: Sequence[Path], columns: int = 6) -> Pixels:
    """Show one row per clip, frames evenly spaced in time; all clips must be of one size."""
    return np.concatenate([_row(clip, columns) for clip in clips])


def _row(clip: Path, columns: int) -> Pixels:
    frames = np.concatenate(list(read_frames(clip, _CHUNK)))
    chosen = np.linspace(0, len(frames) - 1, columns).round().astype(int)
    return np.concatenate(list(frames[chosen]), axis=1)
