import tracemalloc

import numpy as np
import pytest

from cyberhost_cli.preprocess.overlay import ink, sound_strip
from cyberhost_cli.preprocess.overlay.sound_strip import AXIS, MEL, VOICE, WAVE, Strip, means
from tests.preprocess.overlay_inputs import silent_speech, speech_of


def noise(seconds, rate=16_000):
    return np.random.default_rng(0).normal(0, 0.1, round(seconds * rate))


def wave_height(drawn):
    """Return how many rows of the waveform are filled in each column."""
    return (drawn[WAVE] != ink.EMPTY).any(axis=-1).sum(axis=0)


def brightness(drawn):
    return drawn[MEL].astype(int).sum(axis=-1)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
@pytest.mark.parametrize("hertz", [250.0, 1000.0, 3000.0])
def test_a_tone_lies_at_its_frequency(rate, hertz):
    tone = np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
    light = brightness(Strip(speech_of(tone, rate), 200.0).draw(0, 200))[:, 20:180].mean(axis=1)
    rows = MEL.stop - MEL.start
    share = np.log1p(hertz / 700) / np.log1p(8000 / 700)
    assert np.argmax(light) == pytest.approx(rows * (1 - share) - 0.5, abs=1)


def test_what_a_low_rate_cannot_hold_is_dark():
    narrow, wide = (brightness(Strip(speech_of(noise(1, rate), rate), 100.0).draw(0, 100)) for rate in (8_000, 16_000))
    rows = MEL.stop - MEL.start
    above = round(rows * (1 - np.log1p(4200 / 700) / np.log1p(8000 / 700)))
    assert narrow[:above].max() < 50
    assert np.median(wide[:above]) > 200
    assert np.median(narrow[above + 4 :]) > 200


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_click_lies_at_its_time(channels):
    samples = np.zeros((2 * 16_000, channels))
    samples[round(1.237 * 16_000)] = 0.5
    drawn = Strip(speech_of(samples, 16_000), 300.0).draw(0, 600)
    heights = wave_height(drawn)
    assert np.flatnonzero(heights > 10).tolist() == [371]
    assert np.median(heights) <= 2
    assert abs(np.argmax(brightness(drawn).sum(axis=0)) - 371) <= 3


def test_before_the_recording_there_is_silence():
    samples = np.zeros(32_000)
    samples[[0, 16_000]] = 0.5
    light = brightness(Strip(speech_of(samples, 16_000), 100.0).draw(0, 200)).sum(axis=0)
    assert light[0] <= light[98:102].max()


def test_voice_activity_is_a_curve_and_colours_the_waveform():
    activity = np.repeat([0.0, 0.4, 1.0], 25)
    drawn = Strip(speech_of(noise(3), 16_000, activity), 100.0).draw(0, 300)
    filled = (drawn[VOICE] == sound_strip.VOICE_FILL).all(axis=-1).sum(axis=0) / (VOICE.stop - VOICE.start)
    assert filled[[50, 150, 250]] == pytest.approx([0.0, 0.4, 1.0], abs=0.06)
    voiced = (drawn[WAVE] == sound_strip.VOICED).all(axis=-1).any(axis=0)
    assert voiced[201:].all()
    assert not voiced[:199].any()


def test_a_part_is_the_same_as_that_part_of_the_whole():
    strip = Strip(speech_of(noise(4), 16_000), 117.3)
    whole = strip.draw(0, 500)
    assert strip.length == 470
    assert np.array_equal(strip.draw(130, 211), whole[:, 130:341])
    assert np.array_equal(strip.draw(400, 100), whole[:, 400:])


def test_beyond_the_recording_there_is_nothing():
    drawn = Strip(speech_of(noise(1), 16_000), 100.0).draw(0, 300)
    assert (drawn[: AXIS.start, 100:] == ink.PAPER).all()
    assert (drawn[WAVE, :100] != ink.PAPER).any(axis=-1).all()


def test_ticks_stand_at_their_seconds():
    for pixels_per_second, seconds in ((100.0, 1), (20.0, 5), (350.0, 0.2)):
        drawn = Strip(silent_speech(20), pixels_per_second).draw(0, 800)
        ticks = np.flatnonzero((drawn[AXIS.start + 1] == ink.TEXT).all(axis=-1))
        assert ticks.tolist() == [x for x in range(800) if x % round(seconds * pixels_per_second) == 0]


@pytest.mark.parametrize("samples", [np.zeros(1), np.zeros(8000), np.full(8000, 1e-7)])
def test_silence_and_a_single_sample_are_dark(samples):
    drawn = Strip(speech_of(samples, 8_000), 1000.0).draw(0, 1100)
    assert brightness(drawn)[:, : len(samples) // 8].max(initial=0) < 60


def test_an_hour_takes_little_memory_and_does_not_drift():
    samples = np.zeros((3600 * 8_000, 1), dtype=np.float32)
    samples[3599 * 8_000] = 1
    speech = speech_of(samples, 8_000)
    tracemalloc.start()
    drawn = Strip(speech, 1200 / 3600).draw(0, 1200)
    assert tracemalloc.get_traced_memory()[1] < 40e6
    close = Strip(speech, 120.0).draw(3595 * 120, 600)
    tracemalloc.stop()
    assert np.flatnonzero(wave_height(drawn) > 10).tolist() == [1199]
    assert np.flatnonzero(wave_height(close) > 10).tolist() == [480]


def test_means_are_those_of_the_parts_and_zero_beyond():
    values = np.float32([1, 3, 5])
    assert means(values, np.array([-1.0, 0.0, 1.0, 1.5, 3.0, 4.0])).tolist() == pytest.approx([0, 1, 3, 13 / 3, 0])
