"""Generate: a prepared clip becomes frames, and frames a file."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.running import SamplingConfig
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import UsageError
from cyberhost_cli.media.picture import read_picture
from cyberhost_cli.media.writer import check_target, write_video
from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.drive import NOBODY, Drivers, check_drivers
from cyberhost_cli.pipelines.inputs import reference_inputs, window_inputs
from cyberhost_cli.pipelines.model import ChosenWeights, choose_weights, load, set_up_device
from cyberhost_cli.pipelines.prepare import prepare_clip
from cyberhost_cli.pipelines.progress import FrameCount, Progress, silent
from cyberhost_cli.preprocess.composite import Compositor
from cyberhost_cli.sampling.noise import frame_noise
from cyberhost_cli.sampling.sampler import Sampler
from cyberhost_cli.types import Frames, Marks, PreparedClip


def generate(
    clip: PreparedClip, model: CyberHost, preset: Preset, seed: int, told: Progress = silent
) -> Iterator[Frames]:
    """Yield finished frames, chunk by chunk, in order; `told` is told of the passes of the model."""
    yield from decode(model.autoencoder, sample(clip, model, preset.sampling, seed, told))


def sample(
    clip: PreparedClip, model: CyberHost, sampling: SamplingConfig, seed: int, told: Progress
) -> Iterator[Float[Tensor, "_ c h w"]]:
    """Yield finished latents, chunk by chunk, in order."""
    sampler = Sampler(model, sampling, reference_inputs(clip.reference, model), partial(frame_noise, seed))
    return sampler.run(clip.frames, partial(window_inputs, clip, model.config), told)


def decode(autoencoder: Autoencoder, latents: Iterable[Float[Tensor, "_ c h w"]]) -> Iterator[Frames]:
    """Yield the pixels of finished latents."""
    for chunk in latents:
        yield _pixels(autoencoder, chunk)


@torch.inference_mode()
def _pixels(autoencoder: Autoencoder, latents: Float[Tensor, "f c h w"]) -> Frames:
    # One frame at a time: the result is the same bytes whatever the chunks, and memory that of one frame.
    decoded = [autoencoder.decode(frame[None])[0] for frame in latents]
    bytes_ = [((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8) for pixels in decoded]
    return np.stack([pixels.movedim(0, -1).cpu().numpy() for pixels in bytes_])


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


@dataclass(frozen=True)
class Ready:
    """All that is needed to make a video, found to be good."""

    clip: PreparedClip
    weights: ChosenWeights


def generate_file(request: Request, loaded: LoadedPreset, progress: Progress) -> None:
    """Make a video; all is checked before a model loads.

    Raises:
        CyberHostError: an input, the preset or the output cannot be used; nothing is written.
    """
    write(request, make_ready(request, loaded, silent), loaded, progress)


def make_ready(request: Request, loaded: LoadedPreset, tracking: Progress) -> Ready:
    """Check and prepare all that a request names; `tracking` is told of the frames of a driving video.

    Raises:
        CyberHostError: an input, the preset or the output cannot be used.
    """
    _check(request, loaded)
    weights = choose_weights(loaded)
    set_up_device(loaded.preset.device)
    clip = prepare_clip(request.reference, request.speech, loaded, request.drivers, tracking, request.seed)
    return Ready(clip, weights)


def write(request: Request, ready: Ready, loaded: LoadedPreset, progress: Progress) -> None:
    """Sample, decode and write the video; `progress` is told of its frames."""
    preset, clip = loaded.preset, ready.clip
    model = load(ready.weights, loaded)
    count = FrameCount(clip.frames, progress, sampling=preset.sampling.steps, decoding=True)
    frames = generate(clip, model, preset, request.seed, count.sampled)
    size = (preset.picture.width, preset.picture.height)
    if request.composite:
        paste = Compositor(read_picture(request.reference, preset.picture), clip.reference.placement, preset.picture)
        # One by one, since a whole picture may be a hundred times as large as a frame.
        frames, size = (paste.paste(frame[None]) for chunk in frames for frame in chunk), paste.size
    marks = Marks(loaded.name, request.seed, ready.weights.header.sha256)
    told = count.decoded(frames)
    write_video(request.out, told, size, preset.fps, clip.speech.recording, preset.output, marks, request.overwrite)


def _check(request: Request, loaded: LoadedPreset) -> None:
    """Refuse what cannot work, before anything is computed."""
    check_target(request.out, request.overwrite, loaded.preset.output)
    check_drivers(request.drivers)
    if request.speech is None and (request.composite or request.drivers.kind is not None):
        raise UsageError(
            "a bundle holds neither the whole picture nor other poses than its own",
            "give the picture and the recording themselves",
        )
