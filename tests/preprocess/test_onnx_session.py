import os

import numpy as np
import pytest

from cyberhost_cli.preprocess import onnx_session
from tests.preprocess import nets


@pytest.mark.parametrize("wish", [None, "3"])
def test_there_is_a_thread_for_each_core_up_to_some_or_as_many_as_wished(tmp_path, monkeypatch, wish):
    nets.arcface(tmp_path / "net.onnx")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if wish is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", wish)
    session = onnx_session.load(tmp_path / "net.onnx", "buffalo_l", "insightface", (112, 112), 1)
    expected = min(os.cpu_count(), 8) if wish is None else 3
    assert session.get_session_options().intra_op_num_threads == expected


def test_models_get_channels_first(tmp_path):
    nets.arcface(tmp_path / "net.onnx")
    session = onnx_session.load(tmp_path / "net.onnx", "buffalo_l", "insightface", (112, 112), 1)
    pixels = np.random.default_rng(0).random((112, 112, 3), dtype=np.float32)
    (seen,) = onnx_session.run(session, pixels)
    assert np.array_equal(seen.reshape(3, 112, 112), pixels.transpose(2, 0, 1))
