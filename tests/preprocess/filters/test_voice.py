import numpy as np
import pytest
import soundfile

from cyberhost_cli.preprocess.filters import voice
from cyberhost_cli.preprocess.speech.activity import activity
from tests.pipelines.conftest import LIBRIVOX


@pytest.mark.parametrize(("silence", "reason"), [(0, None), (3, None), (12, "no speech")])
def test_enough_must_be_spoken(configs, silence, reason):
    samples, rate = soundfile.read(LIBRIVOX, dtype="float32")
    samples = np.pad(samples, (0, silence * rate))
    fault = voice.check(activity(samples, configs.speech, configs.fps), configs.filters)
    assert (None if fault is None else fault.reason) == reason


def test_silence_and_noise_are_no_speech(configs):
    noise = np.random.default_rng(0).normal(0, 0.1, 64000).astype(np.float32)
    for samples in (np.zeros(64000, np.float32), noise):
        assert voice.check(activity(samples, configs.speech, configs.fps), configs.filters).reason == "no speech"
