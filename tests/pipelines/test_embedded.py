"""The embedded model itself: that it shows the person it is given and hears what is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.pipelines.model import choose_weights, load
from cyberhost_cli.pipelines.prepare import prepare_reference, prepare_speech
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import PreparedClip

DEMO = Path(__file__).parents[2] / "presets" / "demo"


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


@pytest.fixture(scope="module")
def clip():
    loaded = load_preset("demo")
    speech = prepare_speech(DEMO / "speech.wav", loaded)
    first = replace(speech, features=speech.features[:40], activity=speech.activity[:40])
    return PreparedClip(prepare_reference(DEMO / "ref.png", loaded), first, None)


@pytest.fixture(scope="module")
def make():
    loaded = load_preset("demo")
    model = load(choose_weights(loaded), loaded)
    return lambda clip: np.concatenate(list(generate(clip, model, loaded.preset, 1)))


@pytest.fixture(scope="module")
def spoken(make, clip):
    return make(clip)


def test_the_person_and_the_background_stay(spoken, clip):
    reference = clip.reference.picture
    assert spoken.shape == (40, *reference.shape)
    assert min(psnr(frame[:12], reference[:12]) for frame in spoken) > 25
    assert min(psnr(frame, reference) for frame in spoken) > 20


def test_the_mouth_moves_with_the_speech(spoken, make, clip):
    silence = np.full_like(clip.speech.features, clip.speech.features.min())
    still = make(replace(clip, speech=replace(clip.speech, features=silence)))
    changed = np.abs(spoken.astype(float) - still).mean(axis=(0, 3))
    box = regions.mouth_box(clip.reference.keypoints)
    mouth = changed[round(box.top) : round(box.bottom), round(box.left) : round(box.right)].mean()
    assert mouth > 4 * changed.mean()
