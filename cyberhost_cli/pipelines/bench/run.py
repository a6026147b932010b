"""One run of a subject: part after part, so that each is timed alone, or as `cyberhost generate` does it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from cyberhost_cli.media.reel import SUFFIXES, Reel, open_reel
from cyberhost_cli.media.segments import Form
from cyberhost_cli.pipelines.bench.meter import Meter
from cyberhost_cli.pipelines.bench.subject import SEED, Subject
from cyberhost_cli.pipelines.carried import Carried, carrying
from cyberhost_cli.pipelines.decode import Decoder
from cyberhost_cli.pipelines.generate import sample, sampler
from cyberhost_cli.pipelines.journal import Journal, open_journal
from cyberhost_cli.pipelines.making import Making
from cyberhost_cli.pipelines.progress import FrameCount, Progress
from cyberhost_cli.sampling.guidance import Guidance
from cyberhost_cli.sampling.sampler import Part
from cyberhost_cli.types import Frames, Marks, Pixels

PARTS = ("reference", "audio", "denoise", "decode", "encode")
SAMPLING = PARTS[:3]
Sample = Callable[[Subject, Carried | None, Meter, Progress], Iterator[Part]]
"""A way to make latents; the decoder reads the same pictures that are carried along."""


@dataclass
class Kept:
    """What a run made."""

    latents: list[Tensor] = field(default_factory=list)
    frames: list[Pixels] = field(default_factory=list)

    def all_latents(self) -> Float32[Tensor, "f c h w"]:
        """Return the latents of the whole clip, on the host."""
        return torch.cat(self.latents).float()

    def all_frames(self) -> Frames:
        """Return all pixels."""
        return np.stack(self.frames)


def engine(subject: Subject, carried: Carried | None, meter: Meter, told: Progress) -> Iterator[Part]:
    """Sample as `cyberhost generate` does."""
    with meter.part("reference"):
        by = sampler(subject.clip, subject.model, subject.preset, SEED)
    with meter.around(Guidance, "window", "audio"):
        yield from meter.each("denoise", sample(subject.clip, by, carried, told))


def run(subject: Subject, sampled: Sample, meter: Meter, told: Progress, kept: Kept | None = None) -> None:
    """Make the video in this thread alone."""
    carried, number = carrying(subject.clip, subject.model), 0
    with meter.part("encode"), _making(subject) as (journal, reel):
        with meter.part("decode"):
            decoder = _decoder(subject, carried)
        for part in sampled(subject, carried, meter, told):
            latents = journal.keep(part)
            for frame in latents:
                with meter.part("decode"):
                    shown = decoder.pixels(number, frame.to(subject.model.device))
                reel.add(shown)
                number += 1
                if kept is not None:
                    kept.frames.append(shown)
            if kept is not None:
                kept.latents.append(latents)
        reel.finish()


def overlapped(subject: Subject, told: Progress) -> None:
    """Make the video, decoding and coding it beside the sampling."""
    clip, model = subject.clip, subject.model
    with _making(subject) as (journal, reel):
        by, carried = sampler(clip, model, subject.preset, SEED), carrying(clip, model)
        show = _decoder(subject, carried).pixels
        making = Making(journal, reel, partial(sample, clip, by, carried), show, by.latents.device)
        making.run(clip.frames, FrameCount(clip.frames, told, subject.preset.sampling.steps, decoding=True))


def _decoder(subject: Subject, carried: Carried | None) -> Decoder:
    return Decoder(subject.clip, subject.model, subject.preset.sampling.detail, carried)


@contextmanager
def _making(subject: Subject) -> Iterator[tuple[Journal, Reel]]:
    """Yield what a video is made in, and put it into place in a folder that goes at once."""
    preset = subject.preset
    torch.set_num_threads(subject.threads)
    form = Form((preset.picture.width, preset.picture.height), preset.fps, preset.output, Marks("bench", SEED, ""))
    with TemporaryDirectory(prefix="cyberhost-bench-") as folder:
        out = (Path(folder) / "video").with_suffix(SUFFIXES.get(preset.output.format, ("",))[0])
        with open_journal(out, {}, preset.output) as journal, open_reel(journal.folder, form) as reel:
            yield journal, reel
            reel.join(journal.whole, subject.clip.speech.recording)
            journal.place()
