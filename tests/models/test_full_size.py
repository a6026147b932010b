"""Parameters at full size, counted without making them, and what README says of them."""

import re
from pathlib import Path

import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.models.cyberhost import CyberHost

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
COUNTS = {
    "Reference Net": 815_521_280,
    "motion modules": 453_209_280,
    "audio attention": 44_027_840,
    "prompt attention": 0,
    "RAM face": 129_084_815,
    "RAM hands": 226_335_045,
    "conditions": 3_816_480,
    "denoiser, all else": 815_493_124,
    "face and hand encoders": 18_227_648,
    "audio projector": 36_465_152,
    "autoencoder": 83_653_863,
}
AUDIO, PROMPT = "audio attention", "prompt attention"
PARTS = {
    "Reference Net": r"reference_net\.",
    "motion modules": r"denoiser\..*\.motion_modules\.",
    AUDIO: r"denoiser\..*\.audio_modules\.",
    PROMPT: r"denoiser\..*\.(attn2|norm2)\.",
    "RAM face": r"denoiser\..*\.region_modules\.\d+\.face\.",
    "RAM hands": r"denoiser\..*\.region_modules\.\d+\.hands\.",
    "conditions": r"(denoiser\.)?(pose_encoder|clarity_embedding)\.",
    "denoiser, all else": r"denoiser\.",
    "face and hand encoders": r"(face_encoder|hand_encoder|prompt_projector)\.",
    "audio projector": r"audio_projector\.",
    "autoencoder": r"autoencoder\.",
}
"""Names of each part's parameters; the first that matches counts."""


@pytest.fixture(scope="module")
def models():
    """Make the full-size models without memory."""
    with torch.device("meta"):
        return {
            name: CyberHost(load_preset(name).preset.model)
            for name in ("cyberhost", "echomimic-v2", "hallo", "animate-anyone")
        }


def count(model):
    """Return the number of parameters of each of `PARTS`, in that order."""
    counts = dict.fromkeys(PARTS, 0)
    for name, parameter in model.named_parameters():
        part = next(part for part, pattern in PARTS.items() if re.match(pattern, name))
        # One cross-attention, which hears where no prompt takes it.
        heard = part == PROMPT and not model.config.prompt.enabled
        counts[AUDIO if heard else part] += parameter.numel()
    return counts


def modules(model, kind):
    return {match[0] for name, _ in model.named_parameters() if (match := re.match(rf".*\.{kind}\.\d+\.", name))}


def test_every_parameter_of_cyberhost_is_counted(models):
    model = models["cyberhost"]
    assert count(model) == COUNTS
    assert sum(COUNTS.values()) == sum(parameter.numel() for parameter in model.parameters())


def test_cyberhost_is_whole(models):
    config = models["cyberhost"].config
    assert len(modules(models["cyberhost"], "motion_modules")) == 21
    assert len(modules(models["cyberhost"], "region_modules")) == 15
    assert config.motion.frames == 4
    assert (config.priors.pose_aligned_reference, config.priors.hand_clarity_score) == (True, True)
    assert "movement" in config.priors.maps
    assert config.identity_features == 512


def test_readme_says_the_same(models):
    section = README.split("\n## Full size\n")[1].split("\n## ")[0]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in section.splitlines() if line[:1] == "|"]
    names, table = rows[0][1:], {row[0]: row[1:] for row in rows[2:]}
    for column, name in enumerate(names):
        counts = count(models[name])
        counts["total"] = sum(counts.values())
        found = {part: cells[column] for part, cells in table.items()}
        assert found == {part: f"{number / 1e6:.1f}" if number else "-" for part, number in counts.items()}
    assert names == list(models)
