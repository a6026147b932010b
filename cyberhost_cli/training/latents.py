"""Latents of all frames of a dataset, encoded once."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.pipelines.progress import Progress, silent
from cyberhost_cli.training.dataset import ClipExample, Dataset, Latents, latents_file
from cyberhost_cli.types import Frames

_PIXELS = {"cuda": 2**23, "cpu": 2**20}
"""Encoded at once."""

_AHEAD = 2
"""Films per thread that lie ready or are decoded."""


def open_latents(dataset: Dataset, autoencoder: Autoencoder, cache: Path, progress: Progress = silent) -> Dataset:
    """Return the dataset with its latents, encoding what `cache` does not hold of this autoencoder yet.

    A run that was stopped goes on there. Of several processes one does it first; the others then find all done.

    Args:
        dataset: what is to be encoded.
        autoencoder: on the device that encodes.
        cache: the folder for the latents of any autoencoder, such as the dataset's.
        progress: told how many of the frames that were lacking are encoded.
    """
    folder = cache / f"latents-{_digest(autoencoder)}"
    folder.mkdir(parents=True, exist_ok=True)
    by_shard: dict[Path, list[ClipExample]] = {}
    for clip in dataset.clips:
        by_shard.setdefault(clip.shard, []).append(clip)
    missing = {shard: clips for shard, clips in by_shard.items() if not latents_file(folder, shard).exists()}
    films = _films([clip for clips in missing.values() for clip in clips])
    total, done = sum(clip.frames for clips in missing.values() for clip in clips), 0
    for shard, clips in missing.items():
        pieces = []
        for piece in _encode(np.concatenate([next(films) for _ in clips]), autoencoder):
            pieces.append(piece)
            done += len(piece)
            progress(done, total)
        ends = np.cumsum([clip.frames for clip in clips])[:-1]
        parts = np.split(np.concatenate(pieces), ends)
        with atomic_file(latents_file(folder, shard)) as temporary:
            save_file({clip.name: part for clip, part in zip(clips, parts, strict=True)}, temporary)
    return replace(dataset, encoded=folder)


def _films(clips: list[ClipExample]) -> Iterator[Frames]:
    """Yield the films of clips in order; threads decode ahead, which leave Python's lock alone while they do."""
    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        asked: deque[Future[Frames]] = deque()
        for clip in clips:
            asked.append(pool.submit(clip.film))
            if len(asked) > _AHEAD * workers:
                yield asked.popleft().result()
        while asked:
            yield asked.popleft().result()


def _digest(autoencoder: Autoencoder) -> str:
    """Name the weights, whichever checkpoint they came in."""
    digest = hashlib.sha256()
    for name, each in autoencoder.state_dict().items():
        digest.update(name.encode() + each.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def _encode(frames: Frames, autoencoder: Autoencoder) -> Iterator[Latents]:
    """Yield the latents of some frames after the others, always of as many: cuDNN would search anew for each number."""
    device = autoencoder.latent_mean.device
    at_once = min(len(frames), max(1, _PIXELS[device.type] // (frames.shape[1] * frames.shape[2])))
    for start in range(0, len(frames), at_once):
        some = frames[start : start + at_once]
        full = np.pad(some, ((0, at_once - len(some)), (0, 0), (0, 0), (0, 0)))
        pixels = torch.from_numpy(full).to(device).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            latents = autoencoder.encode(pixels)[: len(some)].half().cpu()
        # Contiguous, since safetensors takes no heed of strides.
        yield latents.contiguous().numpy()
