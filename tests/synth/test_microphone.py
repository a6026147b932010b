import numpy as np
import pytest

from cyberhost_cli.synth import microphone
from cyberhost_cli.synth.speech import RATE

CLICKS = (0.3, 0.55, 1.2)


def clicks():
    samples = np.zeros(2 * RATE, np.float32)
    for moment in CLICKS:
        samples[round(moment * RATE)] = 0.5
    return samples


@pytest.mark.parametrize("seed", range(8))
def test_a_sound_stays_where_it_is_and_in_range(seed):
    heard = microphone.record(clicks(), np.random.default_rng(seed))
    assert heard.shape == (2 * RATE,)
    assert heard.dtype == np.float32
    assert np.abs(heard).max() <= 1
    for moment in CLICKS:
        around = slice(round((moment - 0.05) * RATE), round((moment + 0.05) * RATE))
        assert np.abs(heard[around]).argmax() == pytest.approx(round(0.05 * RATE), abs=2)


def test_microphones_differ_and_come_back():
    one, same, other = (microphone.record(clicks(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other, atol=1e-3)
