"""Random weights and inputs that are functions of their names alone; public code was run with them (`README.md`)."""

import hashlib
import json
import re
from math import prod
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from cyberhost_cli.models.embedding import interleaved_sinusoid

HERE = Path(__file__).parent
NORM = re.compile(r"(^|\.)(norm\d*|group_norm|norms\.\d+|ff_norm|conv_norm_out)\.weight$")


def draw(name, *shape):
    """Return standard normal numbers."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    return torch.from_numpy(np.random.Generator(np.random.Philox(key=key)).standard_normal(shape, dtype=np.float32))


def portion(name, *shape):
    """Return numbers in 0..1."""
    return (0.5 + 0.25 * draw(name, *shape)).clamp(0, 1)


def picture(name, *shape):
    """Return numbers in -1..1."""
    return (0.5 * draw(name, *shape)).clamp(-1, 1)


def fill(name, shape):
    """Return the values of a parameter."""
    if name.endswith("pos_encoder.pe"):
        return interleaved_sinusoid(*shape[1:])
    values = draw(name, *shape)
    if len(shape) >= 2:
        return values / prod(shape[1:]) ** 0.5
    return 1 + 0.1 * values if NORM.search(name) else 0.1 * values


def state(tree, source="", above=""):
    """Return all tensors of a public file, of names nested at their dots; `source` stands before them in `fill`."""
    tensors = {}
    for name, node in tree.items():
        whole = above + name
        if isinstance(node, dict):
            tensors |= state(node, source, f"{whole}.")
        else:
            tensors[whole] = fill(source + whole, node)
    return tensors


def recorded(name):
    """Return what the public code gave, and what is said beside it."""
    with safe_open(HERE / f"{name}.safetensors", framework="pt") as file:
        told = {key: json.loads(value) for key, value in file.metadata().items() if value.startswith("{")}
        return {key: file.get_tensor(key) for key in file.offset_keys()}, told


def error(mine, theirs):
    """Return the largest difference, as a part of the largest value."""
    assert mine.shape == theirs.shape
    return float((mine - theirs).abs().max() / theirs.abs().max())
