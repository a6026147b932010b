import os
from dataclasses import dataclass

import pytest
import torch

from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.training.loader import load

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Numbers:
    steps: torch.Tensor
    process: int


@dataclass(frozen=True)
class Draw:
    """Tells who drew; the process that draws step `ends` ends."""

    ends: int | None = None

    def __call__(self, step: int, rows: range) -> Numbers:
        if step == self.ends:
            os._exit(1)
        return Numbers(torch.tensor([step * 10 + row for row in rows]), os.getpid())


def test_steps_come_in_order_from_all_workers():
    drawn = list(load(Draw(), (range(2), range(2, 4)), range(3, 9), 2, CPU))
    assert [[batch.steps.tolist() for batch in passes] for passes in drawn] == [
        [[10 * step, 10 * step + 1], [10 * step + 2, 10 * step + 3]] for step in range(3, 9)
    ]
    processes = {batch.process for passes in drawn for batch in passes}
    assert len(processes) == 2
    assert os.getpid() not in processes


def test_a_worker_that_is_ended_is_told_of():
    with pytest.raises(CyberHostError, match="was ended") as error:
        list(load(Draw(ends=1), (range(2),), range(4), 1, CPU))
    assert "training.workers" in error.value.hint
