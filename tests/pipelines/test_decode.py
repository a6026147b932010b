from dataclasses import replace

import numpy as np
import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.pipelines.bench.inputs import random_clip, random_model
from cyberhost_cli.pipelines.decode import Decoder
from cyberhost_cli.pipelines.inputs import signed
from cyberhost_cli.preprocess.puppet import Puppet
from tests.conftest import TINY


@pytest.fixture(scope="module")
def preset():
    maps = "model.priors.maps=[movement,hands]"
    return load_preset("demo", [*TINY, maps, "gestures.unasked=true", "gestures.place=picture"]).preset


@pytest.fixture(scope="module")
def model(preset):
    return random_model(preset.model, torch.device("cpu"), torch.float32).eval()


@pytest.fixture(scope="module")
def clip(preset):
    return random_clip(preset, 12, 0)


@pytest.fixture
def latents(model):
    def encode(picture):
        with torch.no_grad():
            return model.autoencoder.encode(signed(picture)[None])[0]

    return encode


@pytest.fixture
def posed(clip):
    return Puppet(clip.reference.picture, clip.reference.keypoints).poses(clip.driving.keypoints)


def _away(one, other):
    return np.abs(one.astype(int) - other).max()


def test_what_stays_as_it_is_carried_is_shown_as_it_is(clip, model, latents, posed):
    decoder, plain = Decoder(clip, model, 1.0), Decoder(clip, model, 0.0)
    for frame in (3, 11):
        assert _away(decoder.pixels(frame, latents(posed[frame])), posed[frame]) <= 1
        # The autoencoder alone, whose weights are random, shows something else.
        assert _away(plain.pixels(frame, latents(posed[frame])), posed[frame]) > 20
    half = Decoder(clip, model, 0.5).pixels(3, latents(posed[3])).astype(float)
    whole, none = (each.pixels(3, latents(posed[3])).astype(float) for each in (decoder, plain))
    inside = (none > 0) & (none < 255)
    assert np.abs(half - (whole + none) / 2)[inside].max() <= 1


def test_what_the_model_made_anew_is_decoded_alone(clip, model, latents, posed):
    decoder, plain = Decoder(clip, model, 1.0), Decoder(clip, model, 0.0)
    made = latents(posed[3])
    made[:, :4] += 3
    shown, alone = decoder.pixels(3, made), plain.pixels(3, made)
    # A cell beyond those that were made anew nothing of the picture comes back; far away from them it does.
    assert np.array_equal(shown[:12], alone[:12])
    assert not np.array_equal(shown[-8:], alone[-8:])


def test_without_hands_to_carry_it_is_the_picture_that_is_given_back(clip, model, latents):
    still = Decoder(replace(clip, driving=None), model, 1.0)
    picture = clip.reference.picture
    for frame in (0, 9):
        assert _away(still.pixels(frame, latents(picture)), picture) <= 1


def test_chunks_are_its_frames_in_their_order(clip, model, latents, posed):
    made = torch.stack([latents(each) for each in posed])
    decoder = Decoder(clip, model, 1.0)
    chunks = list(decoder.chunks(made.split(5)))
    assert [len(chunk) for chunk in chunks] == [5, 5, 2]
    frames = np.stack([decoder.pixels(number, each) for number, each in enumerate(made)])
    assert np.array_equal(np.concatenate(chunks), frames)
