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

UPSTREAM = json.loads(gzip.decompress((Path(__file__).parent / "upstream_keys.json.gz").read_bytes()))
PUBLIC = {
    "echomimic-v2": {
        "denoiser": "denoising_unet",
        "reference_net": "reference_unet",
        "denoiser.pose_encoder": "cond_encoder",
    },
    "hallo": {
        "denoiser": "denoising_unet",
        "reference_net": "reference_unet",
        "denoiser.pose_encoder": "face_locator",
        "prompt_projector": "imageproj",
        "audio_projector": "audioproj",
    },
    "animate-anyone": {
        "denoiser": "denoising_unet",
        "reference_net": "reference_unet",
        "denoiser.pose_encoder": "cond_encoder",
    },
}
"""Preset: part of ours: part of theirs."""
SOURCES = {"echomimic-v2": "echomimic_v2", "hallo": "hallo", "animate-anyone": "moore_animateanyone"}


def full_size(preset, *overrides):
    with torch.device("meta"):
        return CyberHost(load_preset(preset, overrides).preset.model)


def shapes(module):
    return {name: list(tensor.shape) for name, tensor in module.state_dict().items()}


def without(pattern, names):
    return {name: shape for name, shape in names.items() if not re.match(pattern, name)}


@pytest.mark.parametrize("preset", PUBLIC)
def test_presets_of_public_models_have_their_names_and_shapes(preset):
    model, upstream = full_size(preset), UPSTREAM[SOURCES[preset]]
    for ours, theirs in PUBLIC[preset].items():
        wanted, found = upstream[theirs], shapes(model.get_submodule(ours))
        if ours == "denoiser":
            found = without(r"pose_encoder\.", found)
            if preset == "hallo":
                # Never run there.
                wanted = without(r"(down_blocks\.3|up_blocks\.0)\.motion_modules\.", wanted)
        assert found == wanted
    beside = {name.partition(".")[0] for name in shapes(model)}
    wanted = {name.partition(".")[0] for name in PUBLIC[preset]}
    assert beside - wanted == {"autoencoder", "hand_clarity_half"}


def test_cyberhost_adds_only_its_own_parts():
    model = full_size("cyberhost")
    added = set(shapes(model.denoiser)) - set(UPSTREAM["hallo"]["denoising_unet"])
    assert added
    assert all(name.startswith(("pose_encoder.", "clarity_embedding.")) or ".region_modules." in name for name in added)
    # Its Reference Net, like EchoMimicV2's, attends to no text or picture tokens.
    assert shapes(model.reference_net) == UPSTREAM["echomimic_v2"]["reference_unet"]
    assert shapes(model.audio_projector) == UPSTREAM["hallo"]["audioproj"]


def test_animatediff_has_the_motion_modules_of_cyberhost():
    # Its names are those of every relative that runs all of them.
    ours = {name: shape for name, shape in shapes(full_size("cyberhost").denoiser).items() if "motion_modules" in name}
    upstream = UPSTREAM["echomimic_v2"]["denoising_unet"]
    theirs = {name: shape for name, shape in upstream.items() if "motion_modules" in name}
    assert len(theirs) == 588
    assert ours == theirs
