"""Stages: `generate` cut in two, with a folder of finished latents between the halves."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save
from torch import Tensor

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import CheckpointError, InputError
from cyberhost_cli.media.atomic import atomic_folder
from cyberhost_cli.media.bundle import Parts, read_bundle, write_bundle
from cyberhost_cli.media.writer import check_target, write_video
from cyberhost_cli.pipelines.carried import carrying
from cyberhost_cli.pipelines.decode import Decoder
from cyberhost_cli.pipelines.generate import sample, sampler
from cyberhost_cli.pipelines.model import ChosenWeights, choose_weights, load
from cyberhost_cli.pipelines.prepare import read_clip
from cyberhost_cli.pipelines.progress import FrameCount, Progress
from cyberhost_cli.types import Marks, PreparedClip

JOB, CLIP = "job.json", "clip.safetensors"


@dataclass(frozen=True)
class Job:
    """What `stitch` must know of the run that sampled the chunks."""

    preset: Preset
    preset_name: str
    checkpoint: str
    sha256: str
    seed: int
    frames: int
    chunks: int


def sample_folder(
    bundles: Sequence[Path], folder: Path, loaded: LoadedPreset, seed: int, overwrite: bool, progress: Progress
) -> None:
    """Sample the clip of the bundles; leave its latents, chunk by chunk, itself and the job in a folder."""
    check_folder(folder, overwrite)
    weights = choose_weights(loaded)
    clip = read_clip(list(bundles), loaded, seed)
    model = load(weights, loaded)
    with atomic_folder(folder) as inside:
        count = FrameCount(clip.frames, progress, sampling=1, decoding=False)
        chunks = 0
        for part in sample(clip, sampler(clip, model, loaded.preset, seed), carrying(clip, model), count.sampled):
            _chunk(inside, chunks).write_bytes(save({"latents": part.latents.contiguous().cpu()}))
            chunks += 1
        write_bundle(inside / CLIP, Parts(clip.reference, clip.speech, clip.driving), loaded.name)
        _write_job(inside / JOB, loaded, weights, seed, clip.frames, chunks)


def stitch_folder(folder: Path, out: Path, overwrite: bool, progress: Progress) -> None:
    """Decode the latents of a folder, and write the video."""
    job = read_job(folder)
    preset = job.preset
    check_target(out, overwrite, preset.output)
    preset_then = preset.model_copy(update={"checkpoint": job.checkpoint})
    # Whether these weights may generate was settled when they did.
    loaded = LoadedPreset(job.preset_name, Path(), preset_then, allow_untrained=True)
    weights = choose_weights(loaded)
    if weights.header.sha256 != job.sha256:
        raise CheckpointError(f"`{job.checkpoint}` is not what the chunks were sampled with", "sample them again")
    parts = read_bundle(folder / CLIP)
    if parts.reference is None or parts.speech is None:
        raise InputError(f"`{folder / CLIP}` holds no whole clip", "sample the chunks again")
    clip = PreparedClip(parts.reference, parts.speech, parts.driving)
    model = load(weights, loaded)
    count = FrameCount(job.frames, progress, sampling=0, decoding=True)
    latents = _read_chunks(folder, job.chunks, model.device)
    told = count.decoded(Decoder(clip, model, preset.sampling.detail, carrying(clip, model)).chunks(latents))
    size = (preset.picture.width, preset.picture.height)
    marks = Marks(job.preset_name, job.seed, job.sha256)
    write_video(out, told, size, preset.fps, clip.speech.recording, preset.output, marks, overwrite)


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that exists, before anything is computed."""
    if folder.exists() and not overwrite:
        raise InputError(f"`{folder}` exists", "name another folder, or add `--overwrite`")


def read_job(folder: Path) -> Job:
    """Read the job of a folder that `sample_folder` left."""
    try:
        facts = json.loads((folder / JOB).read_text())
        return Job(**{**facts, "preset": Preset.model_validate(facts["preset"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"`{folder}` holds no `{JOB}` that this version wrote", "name a folder that `cyberhost sample` made"
        ) from error


def _write_job(path: Path, loaded: LoadedPreset, weights: ChosenWeights, seed: int, frames: int, chunks: int) -> None:
    facts = {
        "preset": loaded.preset.model_dump(),
        "preset_name": loaded.name,
        "checkpoint": str(weights.path.resolve()),
        "sha256": weights.header.sha256,
        "seed": seed,
        "frames": frames,
        "chunks": chunks,
    }
    path.write_text(json.dumps(facts, indent=1))


def _chunk(folder: Path, number: int) -> Path:
    return folder / f"chunk-{number:05}.safetensors"


def _read_chunks(folder: Path, count: int, device: torch.device) -> Iterator[Float[Tensor, "_ c h w"]]:
    for number in range(count):
        path = _chunk(folder, number)
        if not path.is_file():
            raise InputError(f"`{path}` is missing", "sample the chunks again")
        yield load_file(path, device=str(device))["latents"]
