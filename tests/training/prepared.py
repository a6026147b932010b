"""Datasets of the clips that the tests of this folder render, and small presets that train on them."""

from pathlib import Path

import torch

from cyberhost_cli.config.load import LoadedPreset, load_preset
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.dataset import sources
from cyberhost_cli.pipelines.dataset.write import make_dataset
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.training.dataset import Dataset, open_dataset
from cyberhost_cli.training.latents import open_latents
from tests.conftest import TINY

SETTINGS = (
    *TINY,
    "picture.width=64",
    "picture.height=64",
    "training.frames=4",
    "training.batch=4",
    "training.crop=32",
    "training.warmup=2",
    "training.save_every=100",
    "training.learning_rate=0.003",
    "checkpoint=null",
)


def loaded(stage: str, *more: str) -> LoadedPreset:
    frames = ("training.frames=1",) if stage == "pairs" else ()
    return load_preset("demo", [*SETTINGS, f"training.stage={stage}", *frames, *more])


def dataset_of(clips: Path, out: Path, preset: LoadedPreset) -> Dataset:
    """Make a dataset, or open it where it was made before."""
    make_dataset(sources.find(clips), out, preset, workers=1, shard_bytes=2**30, progress=silent)
    return open_dataset(out, preset.preset)


def model_of(preset: LoadedPreset) -> CyberHost:
    torch.manual_seed(0)
    return CyberHost(preset.preset.model)


def with_latents(dataset: Dataset, model: CyberHost) -> Dataset:
    return open_latents(dataset, model.autoencoder, dataset.folder)
