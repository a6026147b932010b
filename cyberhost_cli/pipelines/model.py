"""The model of a preset, on the preset's device."""

from dataclasses import dataclass
from pathlib import Path

import torch

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.running import DeviceConfig
from cyberhost_cli.errors import CheckpointError, UsageError
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.weights.checkpoint import Checkpoint, load_model, read_header


@dataclass(frozen=True)
class ChosenWeights:
    """The weights of a preset, fit to generate."""

    path: Path
    header: Checkpoint


def choose_weights(loaded: LoadedPreset) -> ChosenWeights:
    """Find the weights of a preset and read what they say of themselves.

    Raises:
        CheckpointError: the preset has none, or they were never trained.
    """
    path = loaded.checkpoint
    if path is None:
        raise CheckpointError(
            f"preset `{loaded.name}` has no weights",
            "use `--preset demo`, or `--set checkpoint=FILE` with trained ones",
        )
    header = read_header(path)
    if not header.lineage.trained:
        raise CheckpointError(
            f"`{path}` was never trained to generate: it ends with stage `{header.lineage.stage}`",
            "train it on with `cyberhost train`",
        )
    return ChosenWeights(path, header)


def set_up_device(config: DeviceConfig) -> torch.device:
    """Return the device that a preset asks for, and let torch use as many threads as it says.

    Raises:
        UsageError: the preset wants a GPU and there is none.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    if config.name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if config.name == "cuda" and not torch.cuda.is_available():
        raise UsageError("the preset wants a CUDA device, and this machine has none", "use `--set device.name=cpu`")
    return torch.device(config.name)


def load(weights: ChosenWeights, loaded: LoadedPreset) -> CyberHost:
    """Load the model that the preset describes, ready for inference."""
    device = set_up_device(loaded.preset.device)
    model = load_model(weights.path, loaded.preset.model)
    return model.to(device, getattr(torch, loaded.preset.device.dtype))
