"""Window plan: which frames see each other in a step of a clip that is denoised as a whole, in integers."""

import numpy as np
from jaxtyping import Int64


def plan(frames: int, size: int, overlap: int, looped: bool) -> Int64[np.ndarray, "k f"]:
    """Cover `frames` by windows of `size`, one a row, each sharing `overlap` frames with the one before.

    The last window begins early where it would reach past the end. Looped windows go on at the first frame instead,
    which joins the ends: the "uniform" contexts of AnimateDiff-Evolved that EchoMimicV2 took over. A clip that is no
    longer than a window is one window of its own length.
    """
    if frames <= size:
        return np.arange(frames)[None]
    stride = size - overlap
    starts = np.arange(0, frames, stride) if looped else np.arange(0, frames - overlap, stride).clip(max=frames - size)
    return (starts[:, None] + np.arange(size)) % frames


def moved(windows: Int64[np.ndarray, "k f"], by: int, frames: int) -> Int64[np.ndarray, "k f"]:
    """Move all windows on by some frames, round the end of the clip."""
    return (windows + by) % frames
