"""Where a training begins: a new model, the checkpoint of the stage before, or its own last state."""

from pathlib import Path
from typing import NamedTuple

import torch

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import UsageError
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.training import checkpoint
from cyberhost_cli.weights.blank import BlankModel
from cyberhost_cli.weights.checkpoint import load_model
from cyberhost_cli.weights.header import Ancestor, Lineage, read_header

MODEL = "model.safetensors"
"""The averaged weights in a run's folder."""

NOBODYS = "of whoever trained it, as far as the clips allow"
"""Licence of weights that come from no others."""


class Beginning(NamedTuple):
    """A model to train, and what its lineage will say of what was before."""

    model: CyberHost
    made_from: tuple[str, ...]
    history: tuple[Ancestor, ...]
    licence: str


def begin(preset: Preset, out: Path, start: Path | None, whole: ModelConfig | None = None) -> Beginning:
    """Return the model to train and what it is made from.

    Of a checkpoint of stage `autoencoder` only the autoencoder is taken, so that the rest may have another shape. Any
    other may be taught further maps, which the Pose Encoder that it has reads too.

    Args:
        preset: what to train.
        out: the run's folder.
        start: the checkpoint of the stage before.
        whole: a model of which the preset's lacks parts; what both have then begins as it would in that one.

    Raises:
        UsageError: Another stage than `autoencoder` without a checkpoint to start from, or not the one it had.
        CheckpointError: `start` does not fit the preset, or the whole model.
    """
    if checkpoint.states(out):
        lineage = read_header(out / MODEL).lineage
        # The teacher of a distillation is what it started from, all the way.
        path = _teacher(lineage, out, start) if preset.training.stage == "distillation" else out / MODEL
        return Beginning(load_model(path, preset.model), lineage.made_from, lineage.history, lineage.licence)
    if start is None:
        if preset.training.stage != "autoencoder":
            raise UsageError(
                f"stage `{preset.training.stage}` starts from a trained autoencoder, and `{out}` holds no run yet",
                "name the checkpoint of the stage before with `--from`",
            )
        return Beginning(_new(preset), (), (), NOBODYS)
    if whole is not None and whole != preset.model:
        begun = begin(preset.model_copy(update={"model": whole}), out, start)
        return begun._replace(model=_part(begun.model, preset.model))
    header = read_header(start)
    lineage = header.lineage
    before = Ancestor(lineage.stage, lineage.steps, lineage.data, lineage.effort, header.sha256)
    told = (lineage.made_from, (*lineage.history, before), lineage.licence)
    if lineage.stage != "autoencoder":
        return Beginning(_taught_further(start, header.config, preset.model), *told)
    model = _new(preset)
    model.autoencoder = load_model(start, _with_autoencoder(header.config, preset.model)).autoencoder
    return Beginning(model, *told)


def _teacher(lineage: Lineage, out: Path, start: Path | None) -> Path:
    """Return the checkpoint that a distillation started from."""
    if start is None or read_header(start).sha256 != lineage.history[-1].sha256:
        raise UsageError(
            f"the distillation in `{out}` goes on with the teacher that it started from",
            "name the same checkpoint with `--from`, or choose another folder for the run",
        )
    return start


def _new(preset: Preset) -> CyberHost:
    torch.manual_seed(preset.training.seed)
    return CyberHost(preset.model)


def _part(model: CyberHost, config: ModelConfig) -> CyberHost:
    """Return the model that `config` describes with the weights that a larger one has in the same places."""
    part, weights = BlankModel(config).model, model.state_dict()
    part.load_state_dict({name: weights[name] for name in part.state_dict()}, assign=True)
    return part


def _taught_further(start: Path, config: ModelConfig, wanted: ModelConfig) -> CyberHost:
    """Load a model that may know fewer maps than is wanted; its weights have the same shapes."""
    known, priors = config.priors.maps, wanted.priors
    if known and set(known) < set(priors.maps):
        priors = priors.model_copy(update={"maps": known})
    model = load_model(start, wanted.model_copy(update={"priors": priors}))
    model.config = wanted
    return model


def _with_autoencoder(config: ModelConfig, wanted: ModelConfig) -> ModelConfig:
    """Return `config` with the autoencoder that is wanted."""
    channels = {"latent_channels": wanted.backbone.latent_channels}
    backbone = config.backbone.model_copy(update=channels)
    return config.model_copy(update={"autoencoder": wanted.autoencoder, "backbone": backbone})
