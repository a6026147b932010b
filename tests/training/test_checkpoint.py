import pytest
import torch
from torch import nn

from cyberhost_cli.errors import UsageError
from cyberhost_cli.training import checkpoint
from cyberhost_cli.training.checkpoint import Reached, RunState
from cyberhost_cli.training.distributed import Processes
from cyberhost_cli.training.ema import Ema
from cyberhost_cli.training.optimiser import make_optimiser
from tests.training.line import config


def state(*settings):
    torch.manual_seed(0)
    model = nn.Linear(80, 64)
    parameters = dict(model.named_parameters())
    return RunState(model, parameters, Ema(parameters, 0.9), make_optimiser(parameters, config(8, *settings)))


def learn(run, steps):
    for step in steps:
        run.optimiser.zero_grad()
        run.model(torch.full((4, 80), step / 10)).square().mean().backward()
        run.optimiser.step()
        run.ema.update(step)


def kept(run, folder):
    checkpoint.save(folder, Reached(4, 1.5, {"smooth": {"loss": 2.0}}), run, "one", Processes(torch.device("cpu")))


@pytest.mark.parametrize("optimiser", ["adamw", "adamw8bit"])
def test_a_state_comes_back(tmp_path, optimiser):
    if optimiser == "adamw8bit":
        pytest.importorskip("bitsandbytes")
    one, other = (state(f"training.optimiser={optimiser}") for _ in range(2))
    learn(one, range(4))
    kept(one, tmp_path)
    assert checkpoint.resume(tmp_path, other, "one") == Reached(4, 1.5, {"smooth": {"loss": 2.0}})
    for run in (one, other):
        learn(run, range(4, 8))
    for name in one.parameters:
        assert torch.equal(one.parameters[name], other.parameters[name])
        assert torch.equal(one.ema.averages[name], other.ema.averages[name])


def test_a_state_of_another_run_is_refused(tmp_path):
    run = state()
    learn(run, range(2))
    kept(run, tmp_path)
    with pytest.raises(UsageError, match="another preset"):
        checkpoint.resume(tmp_path, run, "two")


def test_moments_in_eight_bits_are_not_sharded():
    pytest.importorskip("bitsandbytes")
    with pytest.raises(UsageError, match="cannot be sharded"):
        state("training.optimiser=adamw8bit", "training.parallel=fsdp")
