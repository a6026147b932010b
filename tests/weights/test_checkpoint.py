import pytest
import torch

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights.checkpoint import Lineage, describe, load_model, read_header, save_checkpoint
from tests.conftest import TINY

LINEAGE = Lineage("clips", 7, "two clips", ("pairs:3:abc",), trained=True)


@pytest.fixture
def saved(tmp_path, tiny_model):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, tiny_model, LINEAGE)
    return path


def test_round_trip(saved, tiny, tiny_model):
    loaded = load_model(saved, tiny.preset.model)
    for name, tensor in tiny_model.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor.half().float())
    assert not loaded.training
    header = read_header(saved)
    assert header.config == tiny.preset.model
    assert header.lineage == LINEAGE


def test_same_model_same_bytes(saved, tmp_path, tiny_model):
    save_checkpoint(tmp_path / "again.safetensors", tiny_model, LINEAGE)
    assert saved.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_another_model_than_the_presets_is_named(saved):
    other = load_preset("demo", [*TINY, "model.audio.tokens=3"]).preset.model
    with pytest.raises(CheckpointError, match=r"`model\.audio\.tokens` is 4 in the file and 3 in the preset"):
        load_model(saved, other)


def test_missing_and_foreign_files_are_refused(tmp_path, saved):
    with pytest.raises(CheckpointError, match="no weights"):
        read_header(tmp_path / "none.safetensors")
    truncated = tmp_path / "cut.safetensors"
    truncated.write_bytes(saved.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        read_header(truncated)


def test_description_tells_what_it_was_made_from(saved):
    facts = describe(saved)
    assert facts["lineage"]["made_from"] == ("pairs:3:abc",)
    assert facts["parameters"] > 10_000
    assert len(facts["sha256"]) == 64
