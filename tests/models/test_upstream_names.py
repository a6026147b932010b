"""Names and shapes at full size against three public models of the family (`upstream_keys.json.gz`).

The file lists names and shapes of parameters only, from the public checkpoints of Hallo, EchoMimicV2 and AnimateAnyone
(Moore).
"""

import gzip
import json
import re
from pathlib import Path

import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.models.pose import PoseEncoder

UPSTREAM = json.loads(gzip.decompress((Path(__file__).parent / "upstream_keys.json.gz").read_bytes()))
SWITCHED_OFF = (
    "model.regions.levels=[false,false,false,false]",
    "model.priors.hand_clarity_score=false",
    "model.priors.body_movement_map=false",
)


def shapes(module):
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


def full_size(*overrides):
    with torch.device("meta"):
        return CyberHost(load_preset("base", overrides).preset.model)


@pytest.mark.parametrize(
    ("source", "audio_width"), [("hallo", 768), ("echomimic_v2", 384), ("moore_animateanyone", 768)]
)
def test_denoiser(source, audio_width):
    upstream = {k: v for k, v in UPSTREAM[source]["denoising_unet"].items() if "audio_modules" not in k}
    ours = shapes(full_size(*SWITCHED_OFF, f"model.audio.width={audio_width}").denoiser)
    assert len(upstream) == 1274
    assert ours == upstream


@pytest.mark.parametrize("source", ["hallo", "echomimic_v2", "moore_animateanyone"])
def test_reference_net(source):
    upstream = UPSTREAM[source]["reference_unet"]
    # CyberHost's Reference Net, like EchoMimicV2's, attends to no text or picture tokens.
    upstream = {k: v for k, v in upstream.items() if not re.search(r"transformer_blocks\.0\.(attn2|norm2)\.", k)}
    assert len(upstream) == 570
    assert shapes(full_size().reference_net) == upstream


@pytest.mark.parametrize(
    ("source", "part", "channels"),
    [
        ("hallo", "face_locator", (16, 32, 64, 128)),
        ("echomimic_v2", "cond_encoder", (16, 32, 96, 256)),
        ("moore_animateanyone", "cond_encoder", (16, 32, 96, 256)),
    ],
)
def test_pose_encoder(source, part, channels):
    assert shapes(PoseEncoder(channels, 320)) == UPSTREAM[source][part]


def test_audio_projector():
    projector = full_size(
        "model.audio.vectors=60",
        "speech.steps_per_frame=1",
        "speech.layers=12",
        "model.audio.features=768",
        "speech.features=768",
    )
    assert shapes(projector.audio_projector) == UPSTREAM["hallo"]["audioproj"]


def test_cyberhost_adds_only_its_own_parts():
    ours, upstream = shapes(full_size().denoiser), UPSTREAM["hallo"]["denoising_unet"]
    added = {name for name in ours if name not in upstream}
    assert added
    assert all(name.startswith(("pose_encoder.", "clarity_embedding.")) or ".region_modules." in name for name in added)
