from pathlib import Path

import numpy as np
import pytest
import soundfile

from cyberhost_cli.preprocess import speech

RATE = 16000
SPEECH = Path(__file__).parent.parent / "assets" / "librivox.flac"


@pytest.fixture(scope="module")
def spoken():
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    assert rate == RATE
    return samples


def tone(seconds, frequency=1000.0):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * RATE)) / RATE).astype(np.float32) / 2


@pytest.mark.parametrize(
    ("samples", "fps", "frames"),
    [(RATE, 25, 25), (RATE, 30, 30), (160, 25, 1), (3 * RATE + 319, 25, 75), (3 * RATE + 321, 25, 76), (1601, 24, 2)],
)
def test_frames_are_the_rounded_duration(configs, samples, fps, frames):
    features = speech.logmel(np.zeros(samples, dtype=np.float32), configs.speech, fps)
    assert features.shape == (frames, configs.speech.vectors, configs.speech.bands)


def test_speech_is_about_normal(configs, spoken):
    features = speech.logmel(spoken, configs.speech, 25)
    assert abs(features.mean()) < 0.2
    assert abs(features.std() - 1) < 0.2
    assert np.abs(features).max() < 5


def test_windows_of_neighbours_share_their_vectors(configs, spoken):
    features = speech.logmel(spoken, configs.speech, 25)
    steps = configs.speech.steps_per_frame
    assert np.array_equal(features[1:, :-steps], features[:-1, steps:])


def test_before_and_after_there_is_silence(configs):
    features = speech.logmel(tone(1.0), configs.speech, 25)
    silence = speech.logmel(np.zeros(RATE, dtype=np.float32), configs.speech, 25)[0, 0]
    assert np.array_equal(features[0, 0], silence)
    assert np.array_equal(features[-1, -1], silence)
    assert not np.array_equal(features[0, -1], silence)


def test_an_hour_does_not_drift(configs):
    """A click exactly at the middle of one vector's time is equally far from both its neighbours."""
    fps = 30  # a hop of 133.3 samples
    samples = np.zeros(3600 * RATE, dtype=np.float32)
    steps = configs.speech.steps_per_frame
    index = 3599 * fps * steps + 1
    samples[round((index + 0.5) / (fps * steps) * RATE)] = 1
    frame, step = divmod(index, steps)
    features = speech.logmel(samples, configs.speech, fps)
    loudness = features[frame].mean(axis=1)
    at = configs.speech.window * steps + step
    assert loudness.argmax() == at
    assert loudness[at - 1] == pytest.approx(loudness[at + 1], abs=0.2)


def test_pieces_are_equal_to_the_whole(configs, spoken, monkeypatch):
    whole = speech.logmel(spoken, configs.speech, 25)
    monkeypatch.setattr(speech, "PIECE", 37)
    assert np.allclose(speech.logmel(spoken, configs.speech, 25), whole, atol=1e-5)


def test_quiet_and_loud_recordings_sound_the_same(configs, spoken):
    loud = speech.logmel(spoken, configs.speech, 25)
    assert np.allclose(speech.logmel(spoken * np.float32(0.02), configs.speech, 25), loud, atol=1e-3)
    assert np.allclose(speech.logmel(spoken * np.float32(2), configs.speech, 25), loud, atol=1e-3)


def test_pauses_do_not_change_the_loudness(configs, spoken):
    pause = np.zeros(3 * RATE, dtype=np.float32)
    alone = speech.logmel(spoken, configs.speech, 25)
    among = speech.logmel(np.concatenate([pause[: 2 * RATE], spoken, pause]), configs.speech, 25)
    assert np.abs(among[55:125] - alone[5:75]).mean() < 0.15


def test_noise_of_a_silent_recording_stays_low(configs, spoken):
    noise = np.random.default_rng(0).normal(scale=1e-5, size=RATE).astype(np.float32)
    assert speech.logmel(noise, configs.speech, 25).max() < speech.logmel(spoken, configs.speech, 25).max() - 2


def test_a_tone_is_loudest_in_one_band_and_higher_ones_in_higher(configs):
    bands = [
        speech.logmel(tone(0.4, hertz), configs.speech, 25)[5].mean(axis=0).argmax() for hertz in (300, 1000, 4000)
    ]
    assert bands == sorted(bands)
    assert len(set(bands)) == 3
