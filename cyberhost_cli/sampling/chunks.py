"""Chunk plan: which frames are denoised together, in integers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Chunk:
    """Frames `start` to `stop`, of which the first `overlap` were already made by the chunk before."""

    start: int
    stop: int
    overlap: int

    @property
    def frames(self) -> int:
        """Frames that are denoised."""
        return self.stop - self.start


def plan(frames: int, chunk_frames: int, overlap: int) -> tuple[Chunk, ...]:
    """Cover `frames` by chunks of `chunk_frames`, each sharing `overlap` frames with the one before.

    The last chunk may reach past the end; what lies there is trimmed after sampling.
    """
    chunks = [Chunk(0, chunk_frames, 0)]
    while chunks[-1].stop < frames:
        start = chunks[-1].stop - overlap
        chunks.append(Chunk(start, start + chunk_frames, overlap))
    return tuple(chunks)
