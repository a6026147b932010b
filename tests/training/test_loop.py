import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cyberhost_cli.errors import CyberHostError, UsageError
from cyberhost_cli.training import checkpoint, loop
from tests.training.line import LineStage, config, network, train


def quiet(*_):
    pass


def finished(out: Path):
    """Return the final state, the averaged model and the diary's losses."""
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return load_file(out / "state-00000008.safetensors"), load_file(out / "model.safetensors"), lines


def assert_same_run(one: Path, other: Path):
    for left, right in zip(finished(one)[:2], finished(other)[:2], strict=True):
        assert left.keys() == right.keys()
        assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture
def straight(tmp_path):
    train(tmp_path / "straight", config(8), LineStage(network()), quiet)
    return tmp_path / "straight"


def test_two_runs_of_four_steps_are_one_of_eight(tmp_path, straight):
    train(tmp_path / "halves", config(4), LineStage(network()), quiet)
    torch.manual_seed(99)
    train(tmp_path / "halves", config(8), LineStage(network()), quiet)
    assert_same_run(straight, tmp_path / "halves")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_process_goes_on_where_it_was(tmp_path, straight, number):
    out = tmp_path / "stopped"
    command = [sys.executable, "-m", "tests.training.line", str(out), "5"]
    environment = os.environ | {"PYTHONPATH": "."}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert [process.stdout.readline() for _ in range(5)] == ["1\n", "2\n", "3\n", "4\n", "5\n"]
        process.send_signal(number)
        errors = process.communicate("\n")[1]
    saved = sorted(path.name for path in out.glob("state-*"))
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
        assert saved == ["state-00000002.safetensors", "state-00000004.safetensors"]
    else:
        assert "KeyboardInterrupt" in errors
        assert saved == ["state-00000004.safetensors", "state-00000005.safetensors"]
    train(out, config(8), LineStage(network()), quiet)
    assert_same_run(straight, out)


def test_loss_falls_and_the_diary_tells(tmp_path):
    train(tmp_path, config(200, save_every=100), LineStage(network()), quiet)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(10, 201, 10))
    assert lines[-1]["losses"]["loss"] < lines[0]["losses"]["loss"] / 4
    assert sorted(path.name for path in tmp_path.glob("state-*")) == [
        "state-00000100.safetensors",
        "state-00000200.safetensors",
    ]


def test_diary_forgets_what_a_resumed_run_did_not_keep(tmp_path):
    train(tmp_path, config(20, save_every=20), LineStage(network()), quiet)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "smooth": {}}\n{"step": 4')
    train(tmp_path, config(40, save_every=20), LineStage(network()), quiet)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    assert all("losses" in line for line in lines)


class BrokenStage(LineStage):
    """From the third batch on the points lie nowhere."""

    drawn = 0

    def batch(self, generator):
        self.drawn += 1
        batch = super().batch(generator)
        if self.drawn >= 3:
            batch.y[0] = torch.nan
        return batch


def test_no_number_stops_with_the_batch_saved(tmp_path):
    model = network()
    with pytest.raises(CyberHostError, match="no number") as error:
        train(tmp_path, config(8), BrokenStage(model), quiet)
    assert "nan-batch.safetensors" in error.value.hint
    batch = load_file(tmp_path / "nan-batch.safetensors")
    assert batch["x"].shape == (8, 1)
    assert torch.isnan(batch["y"]).sum() == 1
    assert all(torch.isfinite(each).all() for each in model.parameters())
    assert [path.name for path in tmp_path.glob("state-*")] == ["state-00000002.safetensors"]


def test_folder_of_another_preset_is_refused(straight):
    stage = LineStage(network())
    with pytest.raises(UsageError, match="another preset"):
        loop.run(stage, stage.model, config(8), straight, "circle", lambda _: None, quiet)


def test_learning_rate_warms_up_and_falls():
    training = config(102).model_copy(update={"schedule": "cosine", "learning_rate": 1.0})
    assert [loop.learning_rate(step, training) for step in (0, 1, 2, 52, 102)] == pytest.approx([0.5, 1, 1, 0.5, 0])
    constant = training.model_copy(update={"schedule": "constant"})
    assert [loop.learning_rate(step, constant) for step in (0, 2, 101)] == pytest.approx([0.5, 1, 1])


def test_an_unfinished_state_is_never_taken(straight):
    """A file that a killed process left under its temporary name does not count."""
    (straight / ".cyberhost-0123abcd.safetensors").write_bytes(b"half")
    names = [path.name for path in checkpoint.states(straight)]
    assert names == ["state-00000006.safetensors", "state-00000008.safetensors"]
