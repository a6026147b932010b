import pytest
import torch

from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.weights.blank import BlankModel


@pytest.fixture(scope="module")
def blank(tiny):
    return BlankModel(tiny.preset.model)


def test_parameters_take_no_memory_and_the_rest_is_real(blank):
    # Latents of the banks are no layer's.
    real = {name for name, parameter in blank.model.named_parameters() if not parameter.is_meta}
    assert {name.rpartition(".")[2] for name in real} == {"latents"}
    buffers = dict(blank.model.named_buffers())
    assert any(name.endswith(".positions") for name in buffers)
    assert not any(buffer.is_meta for buffer in buffers.values())


def test_begins_as_a_freshly_made_model(blank, tiny):
    fresh = CyberHost(tiny.preset.model).state_dict()
    assert blank.shapes == {name: tuple(tensor.shape) for name, tensor in fresh.items()}
    for name, tensor in fresh.items():
        initial = blank.initial(name)
        constant = tensor.numel() > 1 and tensor.unique().numel() == 1
        if constant or name.endswith(".pe"):
            assert torch.equal(initial, tensor), name
        elif tensor.numel() > 1000:
            assert not torch.equal(initial, tensor), name
            torch.testing.assert_close(initial.std(), tensor.std(), rtol=0.2, atol=0)
            assert initial.abs().max() < 1.5 * tensor.abs().max()


def test_the_random_state_stays_as_it_was(tiny):
    state = torch.get_rng_state()
    BlankModel(tiny.preset.model)
    assert torch.equal(torch.get_rng_state(), state)
