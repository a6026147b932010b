"""Arithmetic of one guided step at full size, counted on tensors without memory, so that a lost cache is seen.

The limits are those that were worked out beside the public code (2 x multiply-accumulates), for 12 frames.
"""

from functools import cache

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.models.cyberhost import CyberHost, ReferenceInputs, WindowInputs
from cyberhost_cli.sampling.guidance import Guidance

FRAMES = 12
TOLERANCE = 1.01
BRANCHES = (("full",), ("full", "nobody"), ("full", "silent", "nobody"))


@cache
def model_of(name, *settings):
    with torch.device("meta"):
        return CyberHost(load_preset(name, settings).preset.model).eval()


class Step:
    """A guided step of twelve frames, told one drawn map."""

    @torch.inference_mode()
    def __init__(self, name, width, height, *settings, motion=0):
        self.model = model_of(name, *settings)
        config, grid = self.model.config, (4, height // 8, width // 8)
        with torch.device("meta"):
            identity = torch.empty(1, config.identity_features or 0)
            crops = torch.empty(1, 3, 256, 256), torch.empty(1, 2, 3, 128, 128)
            person = ReferenceInputs(torch.empty(1, *grid), torch.empty(1, 3, height, width), *crops, identity, None)
            audio = torch.empty(1, FRAMES, config.audio.vectors, config.audio.features)
            pose, clarity = torch.empty(1, 1, 3, height, width), torch.empty(1, FRAMES, 2)
            told = WindowInputs(audio, pose, clarity, torch.empty(1, motion, *grid))
            self.latents = torch.empty(1, FRAMES, *grid)
            self.time = self.model.denoiser.time_embedding(torch.empty(1))
        scales = load_preset(name, settings).preset.sampling.guidance
        scales = scales.model_copy(update={"reference": 2.5, "audio": 3.5})
        self.window = Guidance(self.model, person, scales, (0.0,), 3).window(told)

    @torch.inference_mode()
    def count(self, names, deep=None):
        """Return the arithmetic of some branches, and what their deep layers made."""
        contexts = [self.window[name] for name in names]
        with FlopCounterMode(display=False) as counter:
            _, made = self.model.denoiser.predict(self.latents, self.time, contexts, deep)
        return counter.get_total_flops(), made

    def counts(self):
        return tuple(self.count(names)[0] for names in BRANCHES)


@pytest.mark.parametrize(("side", "limit", "exact"), [(512, 28.0, 27_647_445_565_440), (768, 75.4, 74_607_787_376_640)])
def test_echomimic_v2_costs_its_minimum(side, limit, exact):
    """Its own code takes 32.2 and 93.0 TFLOP."""
    found, _ = Step("echomimic-v2", side, side).count(("full", "nobody"))
    assert found == exact
    assert found <= TOLERANCE * limit * 1e12


@pytest.mark.parametrize(
    ("size", "limit", "exact"),
    [
        ((512, 512), 2.42, (15_678_858_854_400, 29_129_022_504_960, 43_735_052_451_840)),
        ((384, 640), 2.25, (14_526_710_784_000, 27_050_148_249_600, 40_601_280_307_200)),
        ((768, 768), 6.47, (43_545_047_040_000, 77_941_347_778_560, 117_622_990_602_240)),
    ],
)
def test_cyberhost_costs_its_minimum(size, limit, exact):
    """The limit is a frame's, with two branches and without motion frames."""
    found = Step("cyberhost", *size).counts()
    assert found == exact
    assert found[1] <= TOLERANCE * FRAMES * limit * 1e12


def test_cyberhost_with_motion_frames():
    exact = 16_044_444_876_800, 29_860_194_549_760, 44_831_810_519_040
    assert Step("cyberhost", 512, 512, motion=4).counts() == exact


def test_a_step_that_reuses_the_deep_layers():
    step = Step("cyberhost", 512, 512, motion=4)
    _, deep = step.count(BRANCHES[2])
    assert step.count(BRANCHES[2], deep)[0] == 17_658_829_209_600
