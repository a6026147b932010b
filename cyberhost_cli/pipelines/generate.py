"""Generate: a prepared clip becomes frames, and frames a file."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset, SamplingConfig
from cyberhost_cli.media.writer import check_target, write_video
from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.inputs import reference_inputs, window_inputs
from cyberhost_cli.pipelines.model import choose_weights, load, set_up_device
from cyberhost_cli.pipelines.prepare import prepare_clip
from cyberhost_cli.sampling import blend, chunks
from cyberhost_cli.sampling.chunks import Chunk
from cyberhost_cli.sampling.sampler import Sampler
from cyberhost_cli.types import Frames, Marks, PreparedClip

Progress = Callable[[int, int], None]
"""Told the frames done and the frames in all."""


def generate(clip: PreparedClip, model: CyberHost, preset: Preset, seed: int) -> Iterator[Frames]:
    """Yield finished frames, chunk by chunk, in order."""
    plan = plan_clip(clip, preset.sampling)
    latents = sample(clip, model, preset.sampling, plan, seed)
    yield from decode(model.autoencoder, blend.join(latents, plan, clip.frames))


def plan_clip(clip: PreparedClip, sampling: SamplingConfig) -> tuple[Chunk, ...]:
    """Plan the chunks of a clip."""
    return chunks.plan(clip.frames, sampling.chunk_frames, sampling.overlap)


def sample(
    clip: PreparedClip, model: CyberHost, sampling: SamplingConfig, plan: tuple[Chunk, ...], seed: int
) -> Iterator[Float[Tensor, "f c h w"]]:
    """Yield the latents of each chunk."""
    sampler = Sampler(model, sampling, reference_inputs(clip.reference, model.autoencoder), seed)
    return sampler.run(plan, partial(window_inputs, clip))


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


def report(frames: Iterable[Frames], total: int, progress: Progress) -> Iterator[Frames]:
    """Pass frames on and tell how many went by."""
    done = 0
    progress(done, total)
    for chunk in frames:
        yield chunk
        done += len(chunk)
        progress(done, total)


def generate_file(
    reference: Path,
    speech: Path | None,
    out: Path,
    loaded: LoadedPreset,
    seed: int,
    overwrite: bool,
    progress: Progress,
) -> None:
    """Make a video of a picture and a recording, or of the bundle `reference`; all is checked before a model loads."""
    preset = loaded.preset
    check_target(out, overwrite, preset.output)
    weights = choose_weights(loaded)
    set_up_device(preset.device)
    clip = prepare_clip(reference, speech, loaded)
    frames = generate(clip, load(weights, loaded), preset, seed)
    marks = Marks(loaded.name, seed, weights.header.sha256)
    size = (preset.picture.width, preset.picture.height)
    told = report(frames, clip.frames, progress)
    write_video(out, told, size, preset.fps, clip.speech.recording, preset.output, marks, overwrite)
