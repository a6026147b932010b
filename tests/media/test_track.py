import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.bundle import Parts, write_bundle
from cyberhost_cli.media.source import file_hash
from cyberhost_cli.media.tensors import read_header
from cyberhost_cli.media.track import is_track, read_track, write_track
from cyberhost_cli.types import VideoPoses


def test_track_comes_back(tmp_path, librivox):
    poses = VideoPoses(np.random.default_rng(0).random((7, 133, 3), np.float32), 29.97, 640, 360)
    path = tmp_path / "a.safetensors"
    write_track(path, poses, librivox)
    again = read_track(path)
    np.testing.assert_array_equal(again.keypoints, poses.keypoints, strict=True)
    assert (again.fps, again.width, again.height) == (29.97, 640, 360)
    assert read_header(path, "track", 1)["sources"] == {"librivox.flac": file_hash(librivox)}
    assert is_track(path)


def test_other_files_are_no_tracks(tmp_path, librivox):
    write_bundle(tmp_path / "a.safetensors", Parts(), "demo")
    for path in (tmp_path / "a.safetensors", librivox):
        assert not is_track(path)
        with pytest.raises(InputError):
            read_track(path)
