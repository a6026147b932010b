"""Generate: a prepared clip becomes frames, and frames a file; a run that was stopped goes on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import MemoryFullError, UsageError
from cyberhost_cli.media.picture import read_picture
from cyberhost_cli.media.reel import Reel, open_reel
from cyberhost_cli.media.segments import Form
from cyberhost_cli.media.writer import check_resumable
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines import facts
from cyberhost_cli.pipelines.carried import Carried, ClipInputs, carrying
from cyberhost_cli.pipelines.decode import Decoder
from cyberhost_cli.pipelines.drive import NOBODY, Drivers, check_driven, check_drivers
from cyberhost_cli.pipelines.inputs import reference_inputs
from cyberhost_cli.pipelines.journal import Facts, Journal, open_journal
from cyberhost_cli.pipelines.making import Making
from cyberhost_cli.pipelines.model import ChosenWeights, choose_weights, load, set_up_device
from cyberhost_cli.pipelines.prepare import prepare_clip
from cyberhost_cli.pipelines.progress import FrameCount, Progress, Watch, silent
from cyberhost_cli.preprocess.composite import Compositor
from cyberhost_cli.sampling.noise import frame_noise
from cyberhost_cli.sampling.sampler import Carry, Part, Sampler, Told
from cyberhost_cli.types import Frames, Marks, Pixels, PreparedClip


def generate(
    clip: PreparedClip, model: CyberHost, preset: Preset, seed: int, told: Progress = silent
) -> Iterator[Frames]:
    """Yield finished frames, chunk by chunk, in order; `told` is told of the passes of the model."""
    carried = carrying(clip, model)
    parts = sample(clip, sampler(clip, model, preset, seed), carried, told)
    yield from Decoder(clip, model, preset.sampling.detail, carried).chunks(part.latents for part in parts)


def sampler(clip: PreparedClip, model: CyberHost, preset: Preset, seed: int) -> Sampler:
    """Return what samples a clip."""
    memory = preset.memory[preset.device.memory]
    return Sampler(model, preset.sampling, memory, reference_inputs(clip.reference, model), partial(frame_noise, seed))


def sample(
    clip: PreparedClip, by: Sampler, carried: Carried | None, told: Told, carry: Carry | None = None
) -> Iterator[Part]:
    """Yield finished latents, in order; with the carry of a part only what comes after it."""
    return by.run(clip.frames, ClipInputs(clip, by.model, by.config.hold, carried), told, carry)


@dataclass(frozen=True)
class Request:
    """What a user asks for, beside the preset."""

    reference: Path
    """A picture, or a bundle of all that is needed."""
    speech: Path | None
    out: Path
    seed: int = 0
    overwrite: bool = False
    composite: bool = False
    """Whether the person is put back into the whole picture."""
    drivers: Drivers = NOBODY


Load = Callable[[ChosenWeights, LoadedPreset], CyberHost]
"""Gives the model of a preset; who makes many videos keeps it."""


class Job:
    """One video to be made, that no other process makes meanwhile."""

    def __init__(
        self,
        request: Request,
        loaded: LoadedPreset,
        weights: ChosenWeights,
        journal: Journal,
        load: Load,
        depends: Facts,
    ) -> None:
        self._request, self._loaded, self._weights, self._journal = request, loaded, weights, journal
        self._load = load
        self.fingerprint = facts.fingerprint(depends)
        """As `fingerprint` returns it."""

    @property
    def frames(self) -> int:
        """Frames that earlier runs sampled, after which this one goes on."""
        return self._journal.frames

    def prepare(self, tracking: Progress) -> PreparedClip:
        """Prepare all that is needed; `tracking` is told of the frames of a driving video.

        Raises:
            CyberHostError: an input cannot be used.
        """
        request = self._request
        return prepare_clip(request.reference, request.speech, self._loaded, request.drivers, tracking, request.seed)

    def write(self, clip: PreparedClip, progress: Watch) -> None:
        """Sample, decode and write the video; `progress` is told of its frames.

        Raises:
            MemoryFullError: the device cannot hold what is computed at once.
            CyberHostError: the disk is full, or the output cannot be written.
        """
        journal, request, preset = self._journal, self._request, self._loaded.preset
        if not (journal.whole.exists() or journal.placed):
            paste = None
            if request.composite:
                picture = read_picture(request.reference, preset.picture)
                paste = Compositor(picture, clip.reference.placement, preset.picture)
            size = (preset.picture.width, preset.picture.height) if paste is None else paste.size
            marks = Marks(self._loaded.name, request.seed, self._weights.header.sha256)
            with open_reel(journal.folder, Form(size, preset.fps, preset.output, marks)) as reel:
                if reel.closed < clip.frames:
                    with _room(preset.device.memory):
                        self._fill(reel, clip, paste, progress)
                reel.join(journal.whole, clip.speech.recording)
        journal.place()

    def _fill(self, reel: Reel, clip: PreparedClip, paste: Compositor | None, progress: Watch) -> None:
        journal, preset = self._journal, self._loaded.preset
        model = self._load(self._weights, self._loaded)
        by = sampler(clip, model, preset, self._request.seed)
        carried = carrying(clip, model)
        decoder, chunks = Decoder(clip, model, preset.sampling.detail, carried), by.parts(clip.frames)

        def tell(done: int, total: int) -> None:
            progress(done, total, {"chunk": min(journal.parts + 1, chunks), "chunks": chunks})

        def show(number: int, latents: Float[Tensor, "c h w"]) -> Pixels:
            shown = decoder.pixels(number, latents)
            return shown if paste is None else paste.paste(shown[None])[0]

        making = Making(journal, reel, partial(sample, clip, by, carried), show, by.latents.device)
        before = (journal.frames, journal.coded)
        making.run(clip.frames, FrameCount(clip.frames, tell, preset.sampling.steps, decoding=True, before=before))


@contextmanager
def open_job(request: Request, loaded: LoadedPreset, load: Load = load) -> Iterator[Job]:
    """Check all that a request names, and yield a job that goes on where an earlier run of it was stopped.

    Raises:
        CyberHostError: an input, the preset or the output cannot be used, or another process makes it.
    """
    check_resumable(request.out, request.overwrite, loaded.preset.output)
    weights, depends = _depends(request, loaded)
    with open_journal(request.out, depends, loaded.preset.output) as journal:
        # What another job left in place is there to be overwritten or not.
        check_resumable(request.out, request.overwrite, loaded.preset.output)
        yield Job(request, loaded, weights, journal, load, depends)


def fingerprint(request: Request, loaded: LoadedPreset) -> str:
    """Return a hash of what a video of this request shows: its inputs, the preset and the checkpoint.

    Raises:
        CyberHostError: an input or the preset cannot be used.
    """
    return facts.fingerprint(_depends(request, loaded)[1])


def _depends(request: Request, loaded: LoadedPreset) -> tuple[ChosenWeights, Facts]:
    """Return the weights of a request, and all that its bytes depend on."""
    _check_drivers(request, loaded)
    weights = choose_weights(loaded)
    device = set_up_device(loaded.preset.device)
    inputs = {"picture": request.reference, "recording": request.speech, **_driving(request.drivers)}
    choices = {"seed": request.seed, "composite": request.composite, "auto": request.drivers.hand_poses == "auto"}
    return weights, facts.facts(inputs, choices, loaded, weights.header.sha256, device)


@contextmanager
def _room(memory: str) -> Iterator[None]:
    """Word that what is computed within the block did not fit."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MemoryFullError(
            f"the GPU's memory is full, with `device.memory={memory}`",
            "use a smaller one, as `--set device.memory=8gb`, or a smaller picture; see `cyberhost bench --estimate`",
        ) from error


def generate_file(request: Request, loaded: LoadedPreset, progress: Watch) -> None:
    """Make a video; all is checked before a model loads.

    Raises:
        CyberHostError: an input, the preset or the output cannot be used.
    """
    with open_job(request, loaded) as job:
        job.write(job.prepare(silent), progress)


def _driving(drivers: Drivers) -> dict[str, Path | None]:
    return {"pose_video": drivers.pose_video, "hand_poses": drivers.path if drivers.kind == "hands" else None}


def _check_drivers(request: Request, loaded: LoadedPreset) -> None:
    """Refuse what cannot go together, before anything is read."""
    check_drivers(request.drivers)
    if request.speech is not None:
        check_driven(request.drivers.kind, loaded)
    elif request.composite or request.drivers.kind is not None:
        raise UsageError(
            "a bundle holds neither the whole picture nor other poses than its own",
            "give the picture and the recording themselves",
        )
