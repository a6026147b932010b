import numpy as np
import pytest

from cyberhost_cli.preprocess.speech import prosody
from cyberhost_cli.synth import speech

VOWELS = "aeiou\u0250\u0251\u0252\u00e6\u0254\u0259\u025b\u025c\u026a\u028a\u028c"
STRESSED = "\u02c8"
"""As espeak marks them, in IPA."""


def tones(moments, loud, pitch, seconds=8.0):
    """Return harmonic sounds of 150 ms at the moments, so loud and so high."""
    times = np.arange(int(seconds * prosody.RATE)) / prosody.RATE
    samples = np.zeros_like(times)
    for moment, level, hertz in zip(moments, loud, pitch, strict=True):
        shape = np.exp(-0.5 * ((times - moment) / 0.05) ** 2)
        samples += level * shape * sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 20))
    return samples.astype(np.float32) + np.random.default_rng(0).normal(0, 1e-4, len(times)).astype(np.float32)


def always(samples, fps=25):
    return np.ones(int(len(samples) / prosody.RATE * fps), np.float32)


@pytest.fixture(scope="module")
def moments():
    return np.arange(20) * 0.37 + 0.3


def test_syllables_are_found_where_they_are(moments):
    samples = tones(moments, [0.1] * 20, [120] * 20)
    found = prosody.find(samples, always(samples), 25)
    np.testing.assert_allclose(found.times, moments, atol=0.02)


@pytest.mark.parametrize("what", ["loud", "high"])
def test_louder_and_higher_syllables_are_stressed(moments, what):
    stressed = np.arange(20) % 4 == 1
    loud = np.where(stressed & (what == "loud"), 0.2, 0.1)
    pitch = np.where(stressed & (what == "high"), 150, 120)
    samples = tones(moments, loud, pitch)
    stress = prosody.find(samples, always(samples), 25).stress
    assert stress[stressed].min() > stress[~stressed].max() + 0.5


def test_stress_is_beside_what_is_around(moments):
    samples = tones(moments, np.where(np.arange(20) < 10, 0.1, 0.01), [120] * 20)
    stress = prosody.find(samples, always(samples), 25).stress
    assert abs(stress[:4].mean() - stress[-4:].mean()) < 0.6


def test_where_nobody_speaks_there_are_no_syllables(moments):
    samples = tones(moments, [0.1] * 20, [120] * 20)
    activity = always(samples)
    activity[75:125] = 0
    times = prosody.find(samples, activity, 25).times
    assert not ((times > 3.05) & (times < 4.95)).any()
    assert len(times) == ((moments < 3) | (moments > 5)).sum()


@pytest.mark.parametrize(
    "samples", [np.zeros(4000), np.zeros(160), np.full(4000, 0.3)], ids=["silence", "10 ms", "offset"]
)
def test_what_is_no_speech_has_no_stress(samples):
    samples = samples.astype(np.float32)
    found = prosody.find(samples, np.zeros(max(1, len(samples) // 640), np.float32), 25)
    assert len(found.times) == len(found.stress) == 0


def test_a_real_sentence(spoken):
    found = prosody.find(spoken, always(spoken), 25)
    assert 2 < len(found.times) / (len(spoken) / prosody.RATE) < 6
    assert np.isfinite(found.stress).all()


def test_the_stress_of_a_synthesiser_is_heard():
    text = " ".join(speech.sentences()[:8])
    for voice in ("en-us", "en-us+f2"):
        said = speech.speak(text, voice, 150, 50, 60)
        vowels = [phone for phone in said.phones if any(letter in VOWELS for letter in phone.symbol)]
        middles = np.array([(phone.start + phone.end) / 2 for phone in vowels])
        found = prosody.find(said.samples, always(said.samples), 25)
        nearest = np.abs(found.times[:, None] - middles).argmin(axis=1)
        assert (np.abs(found.times - middles[nearest]) < 0.08).mean() > 0.85
        stressed = np.array([STRESSED in vowels[index].symbol for index in nearest])
        # How likely a stressed syllable is told from one that is not.
        assert (found.stress[stressed][:, None] > found.stress[~stressed]).mean() > 0.8
