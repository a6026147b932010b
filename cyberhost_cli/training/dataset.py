"""Datasets that `cyberhost preprocess --dataset` made, as training reads them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, UInt8
from numpy.lib.stride_tricks import sliding_window_view

from cyberhost_cli.config.schema import Preset
from cyberhost_cli.media import shards, video
from cyberhost_cli.media.shards import Member
from cyberhost_cli.media.tensors import Arrays
from cyberhost_cli.pipelines.dataset import index
from cyberhost_cli.training.order import Order
from cyberhost_cli.types import Frames, KeypointTrack

_OPEN = 4096
"""Clips whose headers stay in memory."""

Latents = Float16[np.ndarray, "f c h w"]


@dataclass(frozen=True)
class ClipExample:
    """A clip in a shard and, frame by frame, what the model is told about it.

    Arrays are read from disk when touched, and are not to be written to. Each process opens them for itself.
    """

    name: str
    frames: int
    shard: Path
    size: tuple[int, int]
    """Height and width of the pictures."""
    window: int
    """Vectors of speech that a frame hears."""
    stride: int
    """Those by which the window moves from frame to frame."""
    members: tuple[Member, Member, Member]
    """The film, the arrays and the facts."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.frames

    def film(self) -> Frames:
        """Decode all frames."""
        return video.decode(shards.content(self.shard, self.members[0]))

    def facts(self) -> Mapping[str, Any]:
        """Return what else is known, such as the text."""
        facts: dict[str, Any] = json.loads(shards.content(self.shard, self.members[2]))
        return facts

    @property
    def keypoints(self) -> KeypointTrack:
        """Return the points in pixels of the pictures."""
        return self._array("keypoints")

    @property
    def speech(self) -> Float32[np.ndarray, "f t d"]:
        """Return the windows of speech, which share memory."""
        return sliding_window_view(self._array("speech"), self.window, axis=0)[:: self.stride].swapaxes(1, 2)

    @property
    def faces(self) -> UInt8[np.ndarray, "f s s 3"]:
        """Return the crops of the face, black where it is not seen."""
        return self._array("faces")

    @property
    def hands(self) -> UInt8[np.ndarray, "f 2 q q 3"]:
        """Return the crops of the left and the right hand, black where one is not seen."""
        return self._array("hands")

    @property
    def deviation(self) -> Float32[np.ndarray, "f 2"]:
        """Return that of the Laplacian of the left and the right hand, 0 where one is not seen."""
        return self._array("deviation")

    @property
    def masks(self) -> UInt8[np.ndarray, "f 3 h w"]:
        """Return which share of each latent cell face, hands and mouth cover, 0..255."""
        return self._array("masks")

    @property
    def identity(self) -> Float32[np.ndarray, "_d"]:
        """Return what tells this face from others; empty for models that read none."""
        return self._array("identity")

    @property
    def mouth(self) -> Float32[np.ndarray, "f"] | None:
        """Return the opening of the mouth as a share of the face's height, where it is known exactly."""
        return _arrays(self.shard, self.members[1].offset).get("mouth")

    def _array(self, name: str) -> np.ndarray:
        return _arrays(self.shard, self.members[1].offset)[name]


@dataclass(frozen=True)
class Dataset:
    """The clips of a dataset, and the order in which training takes them."""

    folder: Path
    clips: tuple[ClipExample, ...]
    counts: tuple[int, ...]
    """Clips in each shard."""
    batch: int
    """Rows of a step, over all processes."""
    seed: int
    """Of the order."""
    encoded: Path | None = None
    """Folder of the latents, once `open_latents` made them."""

    def clip(self, step: int, row: int) -> int:
        """Return the number of the clip that a row of a step takes."""
        return self.index(step, row, self.batch)

    def index(self, step: int, row: int, batch: int) -> int:
        """Return the same where only `batch` rows of a step take a clip."""
        return _order(self.counts, batch, self.seed).clip(step, row)

    def latents(self, index: int) -> Latents:
        """Return the latents of a clip's frames; `open_latents` gives the dataset that has them."""
        assert self.encoded is not None
        clip = self.clips[index]
        return _arrays(latents_file(self.encoded, clip.shard), 0)[clip.name]


def open_dataset(folder: Path, preset: Preset) -> Dataset:
    """Open a dataset that was made for what the preset trains.

    Raises:
        InputError: no dataset, one that is not finished or lacks a shard, or one made for another preset.
    """
    found = index.read(folder)
    index.check(folder, found, preset)
    size, speech = (preset.picture.height, preset.picture.width), preset.speech
    clips = tuple(
        ClipExample(
            each.name,
            each.frames,
            folder / shard.file,
            size,
            speech.vectors,
            speech.stride,
            (each.film, each.arrays, each.facts),
        )
        for shard in found.shards
        for each in shard.samples
    )
    counts = tuple(len(shard.samples) for shard in found.shards)
    return Dataset(folder, clips, counts, preset.training.batch, preset.training.seed)


def latents_file(folder: Path, shard: Path) -> Path:
    """Return where the latents of a shard are."""
    return folder / f"{shard.stem}.safetensors"


@lru_cache(_OPEN)
def _arrays(path: Path, offset: int) -> Arrays:
    return shards.arrays(path, offset)


@lru_cache
def _order(counts: tuple[int, ...], batch: int, seed: int) -> Order:
    return Order(counts, batch, seed)
