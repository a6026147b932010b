from fractions import Fraction

import av
import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.film_sound import read_sound

RATE = 16000


def film(path, start=0.0, seconds=4.0, rate=48000, channels=2, missing=None):
    """Write a black film; from `start` on its sound is a tone that changes its pitch every half second."""
    times = np.arange(round(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * (400 + 200 * (times // 0.5)) * times)
    sound = np.tile(tone.astype(np.float32), (channels, 1))
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=25)
        pictures.width = pictures.height = 64
        pictures.pix_fmt = "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=rate, layout="stereo" if channels == 2 else "mono")
        for _ in range(round(seconds * 25)):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(pictures.encode(None))
        for first in range(0, sound.shape[1], 960):
            if missing is not None and missing[0] <= first / rate < missing[1]:
                continue
            block = (sound[:, first : first + 960].T.reshape(1, -1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=audio.layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
            frame.pts = first + round(start * rate)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def heard(path, *spans):
    return list(read_sound(path, spans, RATE))


def pitches(samples):
    """Return the strongest hertz of every half second."""
    halves = samples.reshape(-1, RATE // 2)
    return np.abs(np.fft.rfft(halves)).argmax(axis=1) * 2


def test_spans_are_heard_where_they_are(tmp_path):
    path = film(tmp_path / "film.mkv")
    first, second, third = heard(path, (0.0, 1.0), (0.5, 2.0), (3.0, 4.0))
    assert [len(each) for each in (first, second, third)] == [RATE, 1.5 * RATE, RATE]
    assert pitches(first).tolist() == [400, 600]
    assert pitches(second).tolist() == [600, 800, 1000]
    assert pitches(third).tolist() == [1600, 1800]
    assert np.sqrt((first**2).mean()) == pytest.approx(0.3 / np.sqrt(2), rel=0.01)


def test_sound_that_starts_later_than_the_pictures_is_heard_later(tmp_path):
    (samples,) = heard(film(tmp_path / "film.mkv", start=0.5), (0.0, 2.0))
    assert np.abs(samples[: RATE // 2 - 100]).max() < 1e-3
    assert pitches(samples)[1:].tolist() == [400, 600, 800]


def test_sound_that_is_missing_is_silence(tmp_path):
    (samples,) = heard(film(tmp_path / "film.mkv", missing=(1.0, 2.0)), (0.0, 5.0))
    assert np.abs(samples[RATE + 100 : 2 * RATE - 100]).max() < 1e-3
    assert np.abs(samples[4 * RATE + 100 :]).max() < 1e-3
    assert pitches(samples)[[0, 1, 4, 5, 6, 7]].tolist() == [400, 600, 1200, 1400, 1600, 1800]


def test_any_rate_and_channels_become_one_channel(tmp_path):
    (samples,) = heard(film(tmp_path / "film.mkv", rate=44100, channels=1), (0.5, 1.5))
    assert pitches(samples).tolist() == [600, 800]


def test_films_without_sound_are_refused(tmp_path):
    path = tmp_path / "silent.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="holds no sound"):
        heard(path, (0.0, 1.0))
