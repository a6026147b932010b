import json
from dataclasses import replace

import pytest
import torch

from cyberhost_cli.training.loop import train
from cyberhost_cli.weights.header import read_header


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_on_a_gpu_learns_and_says_so(tmp_path, dataset_folder, loaded, precision):
    update = {"steps": 60, "workers": 1, "precision": precision, "batch": 8, "save_every": 60}
    device = loaded.preset.device.model_copy(update={"name": "cuda"})
    training = loaded.preset.training.model_copy(update=update)
    changed = loaded.preset.model_copy(update={"training": training, "device": device})
    checkpoint = train(replace(loaded, preset=changed), dataset_folder, tmp_path, None, lambda *_: None)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["losses"]["loss"] < lines[0]["losses"]["loss"]
    assert torch.cuda.get_device_name() in str(read_header(checkpoint).lineage)
