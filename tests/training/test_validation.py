import json

import numpy as np
import pytest
import torch

from cyberhost_cli.errors import UsageError
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.training.validation import open_look
from cyberhost_cli.weights.checkpoint import save_checkpoint
from cyberhost_cli.weights.header import Lineage
from tests.training.prepared import loaded


def test_actors_are_rendered_and_measured(tmp_path, clips_folder):
    preset = loaded("clips", "training.validation.every=5", "training.validation.clips=1", "device.name=cpu")
    torch.manual_seed(0)
    save_checkpoint(
        tmp_path / "model.safetensors", CyberHost(preset.preset.model), Lineage("clips", 5, "", (), True, "")
    )
    figures, strip = open_look(preset, clips_folder, tmp_path)(5)
    assert {"sync", "lag", "hands_lost"} <= figures.keys()
    json.dumps(figures)
    rendered = list((tmp_path / "validation").rglob("*.mp4"))
    assert rendered == [tmp_path / "validation" / "step-00000005" / "000000.mp4"]
    frames = np.concatenate(list(read_frames(rendered[0], 100)))
    assert frames.shape == (14, 64, 64, 3)
    # Eight rendered frames over eight real ones.
    assert strip.shape == (128, 512, 3)
    assert np.array_equal(strip[64:, :64], next(read_frames(clips_folder / "000000.mp4", 1))[0])
    assert np.abs(strip[:64, -64:].astype(int) - frames[-1]).mean() < 15


def test_what_is_rendered_has_to_be_asked_for_and_be_there(tmp_path, clips_folder):
    assert open_look(loaded("clips"), None, tmp_path) is None
    with pytest.raises(UsageError, match="renders clips every 5 steps") as error:
        open_look(loaded("clips", "training.validation.every=5"), None, tmp_path)
    assert "--validation" in error.value.hint
    with pytest.raises(UsageError, match="never renders the clips") as error:
        open_look(loaded("clips"), clips_folder, tmp_path)
    assert "training.validation.every" in error.value.hint
    with pytest.raises(UsageError, match="`autoencoder` renders no clips"):
        open_look(loaded("autoencoder", "training.validation.every=5"), clips_folder, tmp_path)
