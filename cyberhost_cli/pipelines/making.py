"""Making: a clip is sampled in one thread, while another decodes and codes what is finished."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.media.reel import Reel
from cyberhost_cli.pipelines.journal import Journal
from cyberhost_cli.pipelines.progress import FrameCount
from cyberhost_cli.pipelines.threads import Belt, side_by_side
from cyberhost_cli.sampling.sampler import Carry, Part, Told
from cyberhost_cli.types import Pixels

ROOM = 2
"""Finished parts that may wait to be decoded."""


@dataclass(frozen=True)
class Making:
    """What it takes to get the frames of a clip into a reel, from where an earlier run was stopped."""

    journal: Journal
    reel: Reel
    sample: Callable[[Told, Carry | None], Iterator[Part]]
    """Goes on after the part whose carry it is given."""
    show: Callable[[int, Float[Tensor, "c h w"]], Pixels]
    """Turns the number of a frame and its latents into what is to be seen."""
    device: torch.device

    def run(self, frames: int, count: FrameCount) -> None:
        """Put all frames into the reel; latents are in the journal before anything is made of them."""
        belt: Belt[Float[Tensor, "_ c h w"]] = Belt(ROOM)
        side_by_side(belt, lambda: self._sample(belt, frames, count), lambda: self._code(belt, count))

    def _sample(self, belt: Belt[Float[Tensor, "_ c h w"]], frames: int, count: FrameCount) -> None:
        def told(done: int, total: int) -> None:
            count.sampled(done, total)
            belt.check()

        for latents in self.journal.latents(self.journal.coded):
            belt.put(latents)
        if self.journal.frames < frames:
            for part in self.sample(told, self.journal.carry):
                belt.put(self.journal.keep(part))
        belt.end()

    def _code(self, belt: Belt[Float[Tensor, "_ c h w"]], count: FrameCount) -> None:
        first = self.journal.coded
        with self._stream():
            for latents in belt.take():
                for number, frame in enumerate(latents, first):
                    self.reel.add(self.show(number, frame.to(self.device)))
                    count.add(1)
                    belt.check()
                first += len(latents)
                self.journal.drop(self.reel.closed)
            self.reel.finish()

    def _stream(self) -> AbstractContextManager[object]:
        """Return a context in which work on a GPU does not wait for the sampler's."""
        if self.device.type != "cuda":
            return nullcontext()
        stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        # Weights may be on their way yet.
        stream.wait_stream(torch.cuda.default_stream(self.device))
        return torch.cuda.stream(stream)
