import pytest
import torch
from safetensors import safe_open

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights.checkpoint import load_model, save_checkpoint
from cyberhost_cli.weights.digest import hash_content
from cyberhost_cli.weights.header import Lineage, read_header
from cyberhost_cli.weights.writer import write_checkpoint
from tests.conftest import TINY

LINEAGE = Lineage("clips", 7, "two clips", ("pairs:3:abc",), trained=True, licence="MIT")


@pytest.fixture
def saved(tmp_path, tiny_model):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, tiny_model, LINEAGE)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_round_trip(saved, tiny, tiny_model, dtype):
    loaded = load_model(saved, tiny.preset.model, dtype)
    state = loaded.state_dict()
    for name, tensor in tiny_model.state_dict().items():
        torch.testing.assert_close(state[name], tensor.half().to(dtype))
    assert not loaded.training


def test_nothing_is_left_without_values(saved, tiny_model):
    loaded = load_model(saved)
    for name, buffer in tiny_model.named_buffers():
        torch.testing.assert_close(loaded.get_buffer(name), buffer, rtol=1e-3, atol=1e-3)
    assert not any(parameter.is_meta for parameter in loaded.parameters())
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_a_loaded_model_does_not_write_to_its_file(saved):
    before = saved.read_bytes()
    loaded = load_model(saved, dtype=torch.float16)
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.zero_()
    assert saved.read_bytes() == before


def test_measures_are_kept_exactly(tmp_path, tiny_model):
    state = dict(tiny_model.state_dict()) | {"autoencoder.latent_std": torch.full((4,), 1 / 0.18215)}
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, tiny_model.config, LINEAGE, shapes, torch.bfloat16, state.items())
    with safe_open(path, framework="pt") as file:
        assert file.get_tensor("autoencoder.latent_std").tolist() == state["autoencoder.latent_std"].tolist()
        assert file.get_tensor("denoiser.conv_in.weight").dtype == torch.bfloat16


def test_same_model_same_bytes(saved, tmp_path, tiny_model):
    save_checkpoint(tmp_path / "again.safetensors", tiny_model, LINEAGE)
    assert saved.read_bytes() == (tmp_path / "again.safetensors").read_bytes()


def test_the_hash_is_that_of_what_is_held(saved, tmp_path, tiny_model):
    sha256 = read_header(saved).sha256
    assert sha256 == hash_content(saved, bytes)
    state = tiny_model.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    other = tmp_path / "other.safetensors"
    backwards = reversed(list(state.items()))
    write_checkpoint(
        other,
        tiny_model.config,
        Lineage("a", 0, "b", ("0" * 64,), trained=False, licence="none"),
        shapes,
        torch.float16,
        backwards,
    )
    assert read_header(other).sha256 == sha256
    changed = state | {"denoiser.conv_in.bias": state["denoiser.conv_in.bias"] + 1}
    write_checkpoint(other, tiny_model.config, LINEAGE, shapes, torch.float16, changed.items())
    assert read_header(other).sha256 != sha256


def test_what_is_written_must_be_what_was_announced(tmp_path, tiny_model):
    state = tiny_model.state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    path = tmp_path / "model.safetensors"
    few = {name: tensor for name, tensor in state.items() if name != "denoiser.conv_in.bias"}
    with pytest.raises(ValueError, match=r"no values for denoiser\.conv_in\.bias"):
        write_checkpoint(path, tiny_model.config, LINEAGE, shapes, torch.float16, few.items())
    other = state | {"denoiser.conv_in.bias": torch.zeros(3)}
    with pytest.raises(ValueError, match=r"denoiser\.conv_in\.bias has the shape \(3,\), expected \(8,\)"):
        write_checkpoint(path, tiny_model.config, LINEAGE, shapes, torch.float16, other.items())
    assert not any(tmp_path.iterdir())


def test_another_model_than_the_presets_is_named(saved):
    other = load_preset("demo", [*TINY, "model.audio.tokens=3"]).preset.model
    with pytest.raises(CheckpointError, match=r"`model\.audio\.tokens` is 4 in the file and 3 in the preset"):
        load_model(saved, other)
