from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from cyberhost_cli.preprocess.preflight import sound
from cyberhost_cli.preprocess.preflight import voice as voices
from cyberhost_cli.synth.speech import speak
from cyberhost_cli.types import Recording

RATE = 16000
DEMO = Path(__file__).parents[3] / "presets" / "demo" / "speech.wav"
TIMES = np.arange(6 * RATE) / RATE


def told(figures):
    return {name for name, figure in figures.items() if not figure.fits}


def noise(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


def mixed(samples, disturbance, decibels):
    """Add a disturbance so much softer than the mean power of the loud parts."""
    blocks = samples[: len(samples) // 320 * 320].reshape(-1, 320)
    power = (blocks**2).mean(axis=1)
    loud = power[power > 0.01 * np.percentile(power, 95)].mean()
    disturbance = np.resize(disturbance, len(samples))
    return samples + disturbance * np.sqrt(loud / (disturbance**2).mean() / 10 ** (decibels / 10))


def tone(semitones, vibrato=0.0):
    """Return a rich tone above 110 Hz whose pitch in semitones is given for each of `TIMES`."""
    pitch = 110 * 2 ** ((semitones + vibrato * np.sin(2 * np.pi * 5.5 * TIMES)) / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return 0.05 * sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))


def steps(values, seconds):
    return np.repeat(values, int(seconds * RATE))[: len(TIMES)].astype(float)


MELODY = steps([0, 4, 7, 5, 2, 0, 9, 7, 4, 12], 0.6)


def test_speech_is_silent(hear, voice):
    demo, _ = soundfile.read(DEMO, dtype="float32")
    for samples in (voice, demo):
        figures = hear(samples)
        assert told(figures) == set()
        assert {"recording.held", "recording.modulation", "recording.tones"} < set(figures)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Guten Morgen, wie geht es dir heute? Ich hoffe, das Wetter bleibt schön und wir gehen spazieren."),
        ("cmn", "今天天气很好 我们一起去公园散步吧 然后去吃饭 你觉得怎么样"),
        ("ar", "صباح الخير، كيف حالك اليوم؟ الطقس جميل جدا ونحن سعداء."),
    ],
)
def test_speech_in_other_languages_is_silent(hear, language, text):
    assert told(hear(speak(text, language, 150, 50).samples)) == set()


@pytest.mark.parametrize("gain", [0.02, 0.3])
def test_loudness_does_not_matter(hear, voice, gain):
    plain, changed = hear(voice), hear(voice * gain)
    for name in ("bandwidth", "speech", "noise_ratio", "modulation", "held", "tones"):
        assert changed[f"recording.{name}"].value == pytest.approx(plain[f"recording.{name}"].value, rel=0.02, abs=0.01)


@pytest.mark.parametrize("decibels", [0, 5, 10])
def test_noise_is_told_and_its_ratio_is_right(hear, voice, decibels):
    said = np.ones(175, dtype=np.float32)
    said[-6:] = said[82:88] = 0
    figure = hear(mixed(voice, noise(len(voice)), decibels), said)["recording.noise_ratio"]
    assert not figure.fits
    assert figure.value == pytest.approx(decibels, abs=2)


def test_the_ratio_falls_with_noise_and_with_music(hear, voice):
    for disturbance in (noise(len(voice)), tone(MELODY)):
        values = [hear(mixed(voice, disturbance, level))["recording.noise_ratio"].value for level in (30, 20, 10, 5, 0)]
        assert values == sorted(values, reverse=True)
        assert values[0] > 20
        assert values[3] < 13


def test_pauses_tell_the_noise_where_there_are_some(hear):
    said = np.concatenate([np.ones(50), np.zeros(50), np.ones(50)]).astype(np.float32)
    loud, soft = 0.1 * noise(2 * RATE), 0.01 * noise(2 * RATE, 1)
    assert hear(np.concatenate([loud, soft, loud]), said)["recording.noise_ratio"].value == pytest.approx(20, abs=0.5)


def test_singing_is_told_with_and_without_vibrato(hear):
    for vibrato in (0.0, 0.5):
        figures = hear(tone(MELODY, vibrato))
        assert "recording.held" in told(figures)
        assert figures["recording.held"].value > 0.5


def test_gliding_pitch_is_no_singing(hear):
    glides = 6 * np.sin(2 * np.pi * 1.7 * TIMES) + 2 * np.sin(2 * np.pi * 3.1 * TIMES)
    assert hear(tone(glides))["recording.held"].value < 0.15


def test_a_monotone_voice_is_told(hear):
    robot = speak(
        "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background.", "en", 130, 50, 0
    )
    assert "recording.tones" in told(hear(robot.samples)) or "recording.held" in told(hear(robot.samples))


def test_music_is_told(hear):
    chords = sum(tone(MELODY + step) for step in (0, 4, 7))
    beat = np.exp(-((TIMES % 0.3) * 30))
    drums = 0.3 * beat * np.where(TIMES % 0.6 < 0.3, np.sin(2 * np.pi * 60 * TIMES), noise(len(TIMES)))
    nobody = np.zeros(150, dtype=np.float32)
    assert told(hear(chords, nobody)) >= {"recording.speech", "recording.tones", "recording.modulation"}
    assert "recording.speech" in told(hear(drums, nobody))
    assert "recording.tones" in told(hear(drums + 3 * chords, nobody))


def test_noise_alone_has_no_rhythm_of_syllables(hear):
    assert "recording.modulation" in told(hear(0.1 * noise(5 * RATE)))


def test_a_telephone_is_told(hear, voice):
    narrow = soxr.resample(voice, RATE, 8000)
    wide = soxr.resample(narrow, 8000, RATE)
    figure = hear(wide)["recording.bandwidth"]
    assert not figure.fits
    assert 3400 <= figure.value <= 4000
    assert hear(voice)["recording.bandwidth"].value > 6000


@pytest.mark.parametrize(("level", "fits"), [(1.0, True), (0.5, False), (0.3, False)])
@pytest.mark.parametrize("gain", [1.0, 0.2])
def test_clipping_is_told_however_loud(hear, voice, level, fits, gain):
    peak = np.abs(voice).max()
    cut = np.clip(voice, -level * peak, level * peak) / peak * gain
    coarse = np.rint(cut * 32767) / 32768
    assert hear(coarse)["recording.clipped"].fits is fits


def test_the_worst_channel_counts(limits, voice):
    channels = np.stack([voice + 0.05, voice, (voice * 20).clip(-1, 1)], axis=1)
    said = np.ones(175, dtype=np.float32)
    figures = {figure.name: figure for figure in sound.measure(voice, Recording(channels, RATE), said, 25, limits)}
    assert told(figures) == {"recording.clipped", "recording.offset"}
    assert figures["recording.offset"].value == pytest.approx(0.05, abs=0.01)


def test_quiet_and_silent_recordings_are_told(hear, voice):
    assert told(hear(voice * 0.005)) == {"recording.peak"}
    figures = hear(np.zeros(RATE * 2))
    assert told(figures) == {"recording.peak"}
    assert figures["recording.peak"].value == -120
    assert "recording.noise_ratio" not in figures


@pytest.mark.parametrize("samples", [1, 100, 5000, 3 * RATE])
def test_short_recordings_have_finite_figures_and_no_rhythm(hear, samples):
    figures = hear(0.1 * noise(samples), np.ones(max(1, samples // 640), dtype=np.float32))
    assert np.isfinite([figure.value for figure in figures.values()]).all()
    assert figures["recording.seconds"].fits is (samples >= RATE)
    assert "recording.held" not in figures


def test_parts_of_a_long_recording_tell_the_same(hear, voice):
    long = np.tile(voice, 40)
    whole, parts = hear(voice), hear(long)
    for name in ("modulation", "tones", "held"):
        assert parts[f"recording.{name}"].value == pytest.approx(whole[f"recording.{name}"].value, abs=0.06)


@pytest.mark.parametrize("hertz", [80.0, 146.8, 440.0, 650.0])
def test_pitch_of_a_tone(hertz):
    samples = sum(np.sin(2 * np.pi * hertz * k * TIMES[:RATE]) / k for k in (1, 2, 3)).astype(np.float32)
    found = voices.pitch(samples)[5:-5]
    assert found == pytest.approx(np.full(len(found), 12 * np.log2(hertz / 55)), abs=0.1)
    assert np.isnan(voices.pitch(noise(RATE).astype(np.float32))).mean() > 0.95
