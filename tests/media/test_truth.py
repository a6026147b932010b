import numpy as np
import pytest
from safetensors import safe_open

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.bundle import Parts, write_bundle
from cyberhost_cli.media.truth import read_truth, write_truth
from cyberhost_cli.types import ClipTruth


def test_truth_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    truth = ClipTruth(rng.random((7, 133, 3), np.float32), rng.random(7, np.float32), fps=25, actor=11)
    write_truth(tmp_path / "a.safetensors", truth, [("h", 0.0, 0.1), ("ə", 0.1, 0.25)], "hé said")
    again = read_truth(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(again.keypoints, truth.keypoints, strict=True)
    np.testing.assert_array_equal(again.mouth, truth.mouth, strict=True)
    assert (again.fps, again.actor) == (25, 11)
    with safe_open(tmp_path / "a.safetensors", framework="numpy") as file:
        assert '"phonemes": [["h", 0.0, 0.1]' in file.metadata()["cyberhost"]


def test_bundle_is_no_truth(tmp_path):
    write_bundle(tmp_path / "a.safetensors", Parts(), "demo")
    with pytest.raises(InputError, match="not a truth file"):
        read_truth(tmp_path / "a.safetensors")
