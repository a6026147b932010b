"""Writing a checkpoint tensor by tensor, so that it never stands in memory whole."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.weights.digest import content_hash
from cyberhost_cli.weights.header import CLARITY_HALF, FORMAT, KEY, Lineage
from cyberhost_cli.weights.layout import LENGTH, METADATA, Stored

DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
"""What can be written, as safetensors names it."""
EXACT = frozenset({"autoencoder.latent_mean", "autoencoder.latent_std", CLARITY_HALF})
"""Measures that stay in float32, whatever the weights are written in."""
_UNKNOWN = "0" * 64
_ALIGNMENT = 8


def write_checkpoint(
    path: Path,
    config: ModelConfig,
    lineage: Lineage,
    shapes: Mapping[str, tuple[int, ...]],
    dtype: torch.dtype,
    tensors: Iterable[tuple[str, Tensor]],
) -> None:
    """Write weights under a temporary name and then in place.

    Args:
        path: where to.
        config: of the model.
        lineage: where the weights come from.
        shapes: of all that is written.
        dtype: what it is written in, but for `EXACT`.
        tensors: each of them once, in whatever order.
    """
    places = _places(shapes, dtype)
    header = _header(config, lineage, places.values())
    digests = []
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        for name, tensor in tensors:
            place = places.pop(name)
            if tuple(tensor.shape) != place.shape:
                raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, expected {place.shape}")
            written = torch.float32 if name in EXACT else dtype
            content = tensor.detach().to("cpu", written).contiguous().flatten().view(torch.uint8).numpy().data
            file.seek(len(header) + place.start)
            file.write(content)
            digests.append((name, place.dtype, place.shape, hashlib.sha256(content).hexdigest()))
        if places:
            raise ValueError(f"no values for {', '.join(places)}")
        file.seek(0)
        # What the hash takes the place of stands before all that others may have named.
        file.write(header.replace(_UNKNOWN.encode(), content_hash(digests).encode(), 1))


def _places(shapes: Mapping[str, tuple[int, ...]], dtype: torch.dtype) -> dict[str, Stored]:
    """Lay the tensors out, from the first byte behind the header."""
    places, start = {}, 0
    # The wider ones first, so that all are aligned.
    for name in sorted(shapes, key=lambda name: (name not in EXACT, name)):
        written = torch.float32 if name in EXACT else dtype
        end = start + prod(shapes[name]) * written.itemsize
        places[name] = Stored(name, DTYPES[written], shapes[name], start, end)
        start = end
    return places


def _header(config: ModelConfig, lineage: Lineage, places: Iterable[Stored]) -> bytes:
    """Return all that stands before the tensors, the hash still unknown."""
    told = {"format": FORMAT, "sha256": _UNKNOWN, "config": config.model_dump(mode="json"), "lineage": asdict(lineage)}
    facts: dict[str, object] = {METADATA: {KEY: json.dumps(told)}}
    for place in places:
        facts[place.name] = {
            "dtype": place.dtype,
            "shape": list(place.shape),
            "data_offsets": [place.start, place.end],
        }
    text = json.dumps(facts).encode()
    text += b" " * (-(LENGTH + len(text)) % _ALIGNMENT)
    return len(text).to_bytes(LENGTH, "little") + text
