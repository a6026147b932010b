from dataclasses import replace

import numpy as np
import pytest
import torch

from cyberhost_cli.pipelines.carried import carrying as carry
from cyberhost_cli.pipelines.decode import Decoder
from cyberhost_cli.pipelines.inputs import signed
from cyberhost_cli.preprocess.puppet import Puppet


@pytest.fixture
def latents(carrying_model):
    def encode(picture):
        with torch.no_grad():
            return carrying_model.autoencoder.encode(signed(picture)[None])[0]

    return encode


@pytest.fixture
def posed(carried_clip):
    return Puppet(carried_clip.reference.picture, carried_clip.reference.keypoints).poses(
        carried_clip.driving.keypoints
    )


def decoder_of(clip, model, detail):
    return Decoder(clip, model, detail, carry(clip, model))


def _away(one, other):
    return np.abs(one.astype(int) - other).max()


def test_what_stays_as_it_is_carried_is_shown_as_it_is(carried_clip, carrying_model, latents, posed):
    decoder, plain = decoder_of(carried_clip, carrying_model, 1.0), decoder_of(carried_clip, carrying_model, 0.0)
    for frame in (3, 11):
        assert _away(decoder.pixels(frame, latents(posed[frame])), posed[frame]) <= 1
        # The autoencoder alone, whose weights are random, shows something else.
        assert _away(plain.pixels(frame, latents(posed[frame])), posed[frame]) > 20
    half = decoder_of(carried_clip, carrying_model, 0.5).pixels(3, latents(posed[3])).astype(float)
    whole, none = (each.pixels(3, latents(posed[3])).astype(float) for each in (decoder, plain))
    inside = (none > 0) & (none < 255)
    assert np.abs(half - (whole + none) / 2)[inside].max() <= 1


def test_what_the_model_made_anew_is_decoded_alone(carried_clip, carrying_model, latents, posed):
    decoder, plain = decoder_of(carried_clip, carrying_model, 1.0), decoder_of(carried_clip, carrying_model, 0.0)
    made = latents(posed[3])
    made[:, :4] += 3
    shown, alone = decoder.pixels(3, made), plain.pixels(3, made)
    # A cell beyond those that were made anew nothing of the picture comes back; far away from them it does.
    assert np.array_equal(shown[:12], alone[:12])
    assert not np.array_equal(shown[-8:], alone[-8:])


def test_without_hands_to_carry_it_is_the_picture_that_is_given_back(carried_clip, carrying_model, latents):
    still = decoder_of(replace(carried_clip, driving=None), carrying_model, 1.0)
    picture = carried_clip.reference.picture
    for frame in (0, 9):
        assert _away(still.pixels(frame, latents(picture)), picture) <= 1


def test_chunks_are_its_frames_in_their_order(carried_clip, carrying_model, latents, posed):
    made = torch.stack([latents(each) for each in posed])
    decoder = decoder_of(carried_clip, carrying_model, 1.0)
    chunks = list(decoder.chunks(made.split(5)))
    assert [len(chunk) for chunk in chunks] == [5, 5, 2]
    frames = np.stack([decoder.pixels(number, each) for number, each in enumerate(made)])
    assert np.array_equal(np.concatenate(chunks), frames)
