"""Checkpoints: one safetensors file that carries its own model config and lineage."""

from functools import partial
from pathlib import Path

import torch

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.weights.blank import BlankModel
from cyberhost_cli.weights.header import Lineage, check_model, read_header
from cyberhost_cli.weights.layout import read_layout
from cyberhost_cli.weights.mapped import in_turn, open_safetensors
from cyberhost_cli.weights.writer import write_checkpoint


def save_checkpoint(path: Path, model: CyberHost, lineage: Lineage) -> None:
    """Write the weights as float16, under a temporary name and then in place."""
    state = model.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    write_checkpoint(path, model.config, lineage, shapes, torch.float16, state.items())


def load_model(path: Path, expected: ModelConfig | None = None, dtype: torch.dtype = torch.float32) -> CyberHost:
    """Load the weights, strictly, on the CPU.

    What the file holds in this dtype is not read now but where it is used, and takes no memory twice.

    Raises:
        CheckpointError: as `read_header`; or its model config is not the one `expected`.
    """
    config = read_header(path).config
    if expected is not None:
        check_model(path, config, expected)
    model = BlankModel(config).model
    names = (tensor.name for tensor in read_layout(path).tensors)
    tensors = in_turn(names, partial(open_safetensors, path))
    model.load_state_dict({name: tensor.to(dtype) for name, tensor in tensors}, assign=True)
    return model.eval()
