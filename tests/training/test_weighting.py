import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.sampling.schedule import training_schedule
from cyberhost_cli.training.levels import Levels
from cyberhost_cli.training.weighting import weigh

PRESET = load_preset("base").preset
SNR = torch.tensor([1e-3, 0.5, 1.0, 4.5, 30.0])
LEVELS = Levels.of(SNR / (1 + SNR))


def weights(weighting, kind, limit=5.0, levels=LEVELS):
    loss = PRESET.training.loss.model_copy(update={"weighting": weighting, "snr_limit": limit})
    return weigh(loss, kind, levels)


@pytest.mark.parametrize("kind", ["sample", "epsilon", "v_prediction"])
def test_each_prediction_alike(kind):
    assert weights("prediction", kind).tolist() == [1] * 5


@pytest.mark.parametrize("kind", ["sample", "epsilon", "v_prediction"])
def test_as_a_velocity_would_weigh(kind):
    generator = torch.Generator().manual_seed(0)
    clean, noise, wrong = (torch.randn(5, 1, 3, 2, 2, generator=generator, dtype=torch.float64) for _ in range(3))
    levels = Levels.of((SNR / (1 + SNR)).double())
    noisy = levels.mixed(clean, noise)
    # The same mistake as a prediction of this kind and as one of the velocity.
    guessed = levels.predicted(kind, clean, noise) + wrong
    meant = levels.clean_by(kind, noisy, guessed)
    velocity = levels.predicted("v_prediction", meant, levels.noise_in(noisy, meant))
    error = (velocity - levels.predicted("v_prediction", clean, noise)).square().mean(dim=(1, 2, 3, 4))
    weighted = weights("velocity", kind, 1e9, levels) * wrong.square().mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(weighted, error)


def test_velocity_is_limited():
    torch.testing.assert_close(weights("velocity", "sample"), (SNR + 1).clamp(max=5))
    torch.testing.assert_close(weights("velocity", "epsilon"), ((SNR + 1) / SNR).clamp(max=5))


def test_min_snr():
    torch.testing.assert_close(weights("min_snr", "epsilon"), SNR.clamp(max=5) / SNR)
    torch.testing.assert_close(weights("min_snr", "sample"), (SNR + 1).clamp(max=5))
    torch.testing.assert_close(weights("min_snr", "v_prediction"), (SNR + 1).clamp(max=5) / (SNR + 1))


@pytest.mark.parametrize("weighting", ["prediction", "velocity", "min_snr"])
@pytest.mark.parametrize("kind", ["sample", "v_prediction"])
def test_pure_noise_and_clean_pictures_count(weighting, kind):
    assert PRESET.model.diffusion.zero_terminal_snr
    levels = Levels.of(training_schedule(PRESET.model.diffusion).alphas_cumprod)
    assert levels.signal[-1] == 0
    found = weights(weighting, kind, levels=levels)
    assert found.isfinite().all()
    assert (found > 0).all()
    assert found[-1] == 1
