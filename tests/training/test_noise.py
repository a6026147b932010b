import pytest
import torch

from cyberhost_cli.training import noise

SEEDS = torch.tensor([0, 1, 2, 2**61 + 5])


def test_noise_is_normal():
    drawn = noise.normal(torch.arange(8), noise.LATENTS, (3, 40, 80))
    assert drawn.shape == (8, 3, 40, 80)
    assert drawn.mean(dim=(1, 2, 3)).abs().max() < 0.05
    assert drawn.std().item() == pytest.approx(1, abs=0.01)
    assert (drawn.abs() > 2).float().mean().item() == pytest.approx(0.0455, abs=0.003)
    assert drawn.pow(4).mean().item() == pytest.approx(3, abs=0.1)


def test_neighbours_seeds_and_purposes_have_nothing_in_common():
    one, other = noise.normal(SEEDS, noise.LATENTS, (9999,)), noise.normal(SEEDS, noise.MOTION, (9999,))
    series = torch.cat([one, other, one.roll(1, dims=1)])
    correlations = torch.corrcoef(series) - torch.eye(len(series))
    assert correlations.abs().max() < 0.05


def test_a_row_does_not_depend_on_those_beside_it():
    together = noise.normal(SEEDS, noise.LATENTS, (2, 5))
    alone = torch.cat([noise.normal(seed[None], noise.LATENTS, (2, 5)) for seed in SEEDS])
    assert torch.equal(together, alone)


def test_the_hash_is_splitmix64():
    # The first outputs of the generator of Steele et al. from the state 0.
    states = torch.tensor([1, 2]) * noise.GOLDEN
    assert (noise._mixed(states) % 2**32).tolist() == [0xE220A8397B1DCDAF % 2**32, 0x6E789E6AA1B965F4 % 2**32]
