import numpy as np
import pytest
import torch

from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.preprocess.speech import features
from cyberhost_cli.preprocess.speech.activity import activity

RATE = 16_000


def test_speech_is_told_from_pauses_and_noise(configs, spoken):
    random = np.random.default_rng(0)
    noise = random.normal(scale=1e-3, size=2 * RATE).astype(np.float32)
    found = activity(np.concatenate([noise, spoken, noise]), configs.speech, 25)
    assert len(found) == 182
    assert found[5:45].max() < 0.2
    # The sentence itself begins 0.3 s after its recording and ends 0.2 s before its end.
    assert found[60:125].min() > 0.5
    assert found[145:].max() < 0.2
    assert activity(random.normal(scale=0.1, size=2 * RATE).astype(np.float32), configs.speech, 25).max() < 0.3
    assert activity(np.zeros(RATE, np.float32), configs.speech, 25).max() < 0.2


@pytest.mark.parametrize("fps", [24, 25, 29, 30])
@pytest.mark.parametrize("samples", [1, 511, 20_000])
def test_every_frame_has_one(configs, spoken, fps, samples, no_weights):
    found = activity(spoken[:samples], configs.speech, fps)
    assert len(found) == len(features.encode(spoken[:samples], configs.speech, fps, no_weights))
    assert ((found >= 0) & (found <= 1)).all()


def test_soft_speech_is_speech(configs, spoken):
    np.testing.assert_allclose(
        activity(spoken * np.float32(0.02), configs.speech, 25), activity(spoken, configs.speech, 25), atol=0.01
    )


def test_another_rate_changes_little(configs, spoken):
    config = configs.speech.model_copy(update={"sample_rate": 32_000})
    doubled = np.repeat(spoken, 2)
    assert np.abs(activity(doubled, config, 25) - activity(spoken, configs.speech, 25)).mean() < 0.05


def test_without_a_detector_everything_is_speech(configs):
    config = configs.speech.model_copy(update={"activity": None})
    np.testing.assert_array_equal(activity(np.zeros(RATE, np.float32), config, 25), np.ones(25, np.float32))


def test_the_number_of_threads_is_left_alone(configs, spoken):
    torch.set_num_threads(2)
    activity(spoken[:RATE], configs.speech, 25)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_a_missing_package_is_named(configs, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(CyberHostError, match="`silero-vad`") as told:
        activity(np.zeros(RATE, np.float32), configs.speech, 25)
    assert "speech.activity=null" in told.value.hint
