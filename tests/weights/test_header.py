import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights.checkpoint import save_checkpoint
from cyberhost_cli.weights.header import (
    KEY,
    Ancestor,
    Effort,
    Lineage,
    describe,
    read_clarity_half,
    read_header,
)

EFFORT = Effort("cpu, 2 threads", 0.5, {"loss": 0.25}, "1-8")
LINEAGE = Lineage(
    "clips",
    7,
    "two clips",
    ("sd-1.5:unet.safetensors:abc",),
    trained=True,
    licence="MIT",
    effort=EFFORT,
    history=(Ancestor("imported", 0, "pictures", None, "a" * 64), Ancestor("pairs", 3, "one clip", EFFORT, "b" * 64)),
)


@pytest.fixture
def saved(tmp_path, tiny_model):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, tiny_model, LINEAGE)
    return path


def test_what_was_written_is_read(saved, tiny, tiny_model):
    header = read_header(saved)
    assert header.config == tiny.preset.model
    assert header.lineage == LINEAGE
    assert header.parameters == sum(tensor.numel() for tensor in tiny_model.state_dict().values())
    assert header.dtype == "F16"


def test_headers_are_read_without_torch(saved):
    code = (
        "import sys\nfrom pathlib import Path\nfrom cyberhost_cli.weights.header import describe, read_clarity_half\n"
        f"describe(Path({str(saved)!r})), read_clarity_half(Path({str(saved)!r}))\n"
        "print(*(name for name in ('torch', 'numpy', 'diffusers', 'av') if name in sys.modules))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "\n"


def test_description(saved):
    facts = describe(saved)
    assert facts["lineage"]["made_from"] == ("sd-1.5:unet.safetensors:abc",)
    assert facts["lineage"]["effort"]["losses"] == {"loss": 0.25}
    assert facts["lineage"]["history"][1]["effort"]["hardware"] == "cpu, 2 threads"
    assert facts["lineage"]["licence"] == "MIT"
    assert facts["parameters"] > 10_000
    assert len(facts["sha256"]) == 64
    assert facts["config"]["backbone"]["widths"] == [8, 16]


def test_long_lists_of_seeds_are_counted(tmp_path, tiny_model):
    long = Effort("cpu, 2 threads", 1.5, {}, ", ".join(str(7 * actor) for actor in range(400)))
    before = Ancestor("pairs", 3, "400 clips of `a`", long, "0" * 64)
    lineage = Lineage("clips", 5, "", (), True, "", replace(long, seeds="41 (400 clips)"), (before,))
    save_checkpoint(tmp_path / "model.safetensors", tiny_model, lineage)
    assert read_header(tmp_path / "model.safetensors").lineage == lineage
    told = describe(tmp_path / "model.safetensors")["lineage"]
    assert told["effort"]["seeds"] == "41 (400 clips)"
    assert told["history"][0]["effort"]["seeds"] == "400 seeds, listed in the file"


def test_sharpness_of_hands(tmp_path, tiny_model):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, tiny_model, LINEAGE)
    assert read_clarity_half(path) is None
    tiny_model.hand_clarity_half.fill_(4.3)
    try:
        save_checkpoint(path, tiny_model, LINEAGE)
    finally:
        tiny_model.hand_clarity_half.zero_()
    assert read_clarity_half(path) == pytest.approx(4.3, rel=1e-7)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match="no weights at"):
        read_header(tmp_path / "none.safetensors")


@pytest.mark.parametrize("content", [b"", b"a picture or so", b"\xff" * 100, b"\x02" + b"\0" * 7 + b"[]"])
def test_files_that_are_no_weights(tmp_path, content):
    path = tmp_path / "other.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not a safetensors file"):
        read_header(path)


def test_a_file_that_is_cut_off(saved):
    size = saved.stat().st_size
    saved.write_bytes(saved.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match=rf"is not whole: it has {size - 5} bytes, expected {size}"):
        read_header(saved)


def test_weights_of_others(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="is no checkpoint of cyberhost") as refused:
        read_header(tmp_path / "other.safetensors")
    assert "cyberhost weights import" in refused.value.hint


def test_checkpoints_of_another_version(tmp_path):
    old = {"format": "cyberhost checkpoint 1", "config": {}, "lineage": {}}
    save_file({"a": torch.zeros(1)}, tmp_path / "old.safetensors", {KEY: json.dumps(old)})
    with pytest.raises(CheckpointError, match="has the format cyberhost checkpoint 1, expected cyberhost checkpoint 4"):
        read_header(tmp_path / "old.safetensors")


def test_models_of_another_version(saved):
    content = saved.read_bytes()
    saved.write_bytes(content.replace(b"max_frames", b"min_frames", 1))
    with pytest.raises(CheckpointError, match="describes a model that this version does not know"):
        read_header(saved)


@pytest.mark.parametrize(
    "told", ["{", "[]", "{}", "drop config", "drop sha256", "drop lineage", "drop licence", "odd", "flat"]
)
def test_what_is_said_may_be_damaged(saved, tmp_path, told):
    with safe_open(saved, framework="pt") as file:
        whole = json.loads(file.metadata()[KEY])
    if told.startswith("drop"):
        name = told.removeprefix("drop ")
        whole = {key: value for key, value in whole.items() if key != name}
        whole["lineage"] = {key: value for key, value in whole.get("lineage", {}).items() if key != name}
    if told == "odd":
        whole["lineage"]["colour"] = "blue"
    if told == "flat":
        whole["lineage"]["history"] = ["pairs:3:abc"]
    text = told if told[0] in "{[" else json.dumps(whole)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors", {KEY: text})
    with pytest.raises(CheckpointError, match="is damaged"):
        read_header(tmp_path / "other.safetensors")


def test_a_checkpoint_without_sharpness_of_hands_is_damaged(saved, tmp_path):
    with safe_open(saved, framework="pt") as file:
        save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors", file.metadata())
    with pytest.raises(CheckpointError, match="is damaged"):
        read_clarity_half(tmp_path / "other.safetensors")
