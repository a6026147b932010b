import numpy as np
import pytest

from cyberhost_cli.synth import accents, speech
from cyberhost_cli.synth.accents import Accents
from cyberhost_cli.synth.speech import RATE, Speech
from cyberhost_cli.types import Phone


def test_stress_lies_on_the_syllables_that_english_stresses():
    said = speech.speak("A banana for the professor.", "en-us", 140, 50)
    found = accents.find(said)
    vowels = [phone.symbol for phone in said.phones for time in found.times if phone.start <= time < phone.end]
    assert len(vowels) == 2
    assert all(vowel.startswith("\u02c8") for vowel in vowels)
    assert "æ" in vowels[0]
    assert (found.strengths > 0.6).all()


def test_silence_has_no_accents_and_is_one_pause():
    silence = Speech(np.zeros(2 * RATE, np.float32), (), "")
    assert len(accents.find(silence).times) == 0
    assert accents.pauses(silence) == [(0.0, 2.0)]
    np.testing.assert_array_equal(accents.pulses(accents.find(silence), np.arange(3.0), 0.2, 0.2), 0)


def test_pauses_lie_between_phones():
    phones = (Phone("w", 0.5, 0.6), Phone("\u02c8ʌ", 0.6, 0.8), Phone("n", 0.85, 0.9), Phone("t", 1.3, 1.5))
    said = Speech(np.zeros(round(1.6 * RATE), np.float32), phones, "one t")
    assert accents.pauses(said) == [(0.0, 0.5), (0.9, 1.3)]


def test_a_pulse_is_highest_on_its_accent_and_falls_slower_than_it_rises():
    accent = Accents(np.array([1.0]), np.array([0.8]))
    before, at, after = accents.pulses(accent, np.array([0.9, 1.0, 1.1]), rise=0.1, fall=0.3)
    assert at == pytest.approx(0.8)
    assert before < after < at
