import hashlib
import json

import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.bundle import Parts, write_bundle
from cyberhost_cli.media.inspect import inspect
from cyberhost_cli.media.track import write_track
from cyberhost_cli.media.writer import write_video
from cyberhost_cli.types import VideoPoses


@pytest.mark.parametrize(
    ("kind", "name", "codec", "sound"),
    [
        ("h264", "a.mp4", "h264", "aac"),
        ("prores", "a.mov", "prores", "pcm_s24le"),
        ("png", "out", "png", "pcm_s24le"),
    ],
)
def test_outputs(tmp_path, recording, moving, output, marks, kind, name, codec, sound):
    write_video(tmp_path / name, moving(30), (96, 64), 24, recording, output(kind), marks, False)
    told = json.loads(json.dumps(inspect(tmp_path / name)))
    assert told["kind"] == ("pictures" if kind == "png" else "video")
    assert (told["codec"], told["width"], told["height"]) == (codec, 96, 64)
    assert (told["fps"], told["frames"], told["seconds"]) == (24, 30, 1.25)
    assert [(s["codec"], s["rate"], s["channels"]) for s in told["sounds"]] == [(sound, 48_000, 1)]
    assert abs(told["sounds"][0]["seconds"] - 1.25) < 0.002
    assert told["marks"]["seed"] == 7
    assert told["marks"]["digital_source_type"].endswith("/trainedAlgorithmicMedia")


def test_bundle(tmp_path):
    source = tmp_path / "ref.png"
    source.write_bytes(b"abc")
    write_bundle(tmp_path / "a.safetensors", Parts(), "demo", [source])
    assert json.loads(json.dumps(inspect(tmp_path / "a.safetensors"))) == {
        "kind": "bundle",
        "preset": "demo",
        "holds": [],
        "sources": {"ref.png": hashlib.sha256(b"abc").hexdigest()},
        "figures": [],
    }


def test_folder_without_sound(tmp_path, recording, moving, output, marks):
    write_video(tmp_path / "out", moving(3), (96, 64), 24, recording, output("png"), marks, False)
    (tmp_path / "out" / "speech.wav").unlink()
    with pytest.raises(InputError, match=r"cannot read the sound track `.*speech.wav`"):
        inspect(tmp_path / "out")


def test_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="damaged or not a video"):
        inspect(tmp_path / "a.txt")


def test_track(tmp_path):
    source = tmp_path / "a.mp4"
    source.write_bytes(b"abc")
    write_track(tmp_path / "t", VideoPoses(np.zeros((7, 133, 3), np.float32), 30.0, 64, 48), source)
    assert inspect(tmp_path / "t") == {"kind": "track", "width": 64, "height": 48, "fps": 30.0, "frames": 7}
