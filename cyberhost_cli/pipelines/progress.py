"""How long work tells how far it is."""

from collections.abc import Callable, Iterable, Iterator

from cyberhost_cli.types import Frames

Progress = Callable[[int, int], None]
"""Told what is done and what there is in all."""


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


class FrameCount:
    """Sampling and decoding of a video, told in frames: one that is half sampled is a part of a frame.

    Args:
        frames: length of the video.
        progress: who is told, at once that nothing is done yet.
        sampling: how much work sampling is on a frame; decoding it counts as one. 0 where nothing is sampled.
        decoding: whether frames are decoded too.
    """

    def __init__(self, frames: int, progress: Progress, sampling: int, decoding: bool) -> None:
        self._frames, self._progress = frames, progress
        self._sampling, self._each = sampling, sampling + decoding
        self._sampled = self._decoded = 0
        self._tell()

    def sampled(self, done: int, total: int) -> None:
        """Take note of how much of all sampling is done."""
        self._sampled = self._sampling * self._frames * done // total
        self._tell()

    def decoded(self, frames: Iterable[Frames]) -> Iterator[Frames]:
        """Pass decoded frames on and count them."""
        for some in frames:
            yield some
            self._decoded += len(some)
            self._tell()

    def _tell(self) -> None:
        self._progress((self._sampled + self._decoded) // self._each, self._frames)
