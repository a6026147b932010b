import hashlib
import json
from dataclasses import fields

import numpy as np
import pytest
from safetensors.numpy import save_file

from cyberhost_cli.errors import CyberHostError, InputError
from cyberhost_cli.media.bundle import BundleHeader, is_bundle, read_bundle, read_bundle_header, write_bundle
from cyberhost_cli.types import PreparedReference, PreparedSpeech


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(0)

    def pixels(*shape):
        return rng.integers(0, 256, shape, dtype=np.uint8)

    return PreparedReference(
        picture=pixels(64, 48, 3),
        keypoints=rng.random((133, 3), np.float32),
        skeleton=pixels(64, 48, 3),
        face=pixels(32, 32, 3),
        hands=pixels(2, 16, 16, 3),
        movement=pixels(64, 48),
        clarity=np.float32([0.8, 0.2]),
    )


@pytest.fixture(scope="module")
def speech(recording):
    return PreparedSpeech(np.random.default_rng(1).random((82, 20, 80), np.float32), recording, 25)


def assert_same(a, b):
    for field in fields(a):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name), strict=True)


def test_both_come_back(tmp_path, reference, speech, librivox):
    path = tmp_path / "a.safetensors"
    write_bundle(path, reference, speech, "demo", [librivox])
    again, speech_again = read_bundle(path)
    assert_same(again, reference)
    np.testing.assert_array_equal(speech_again.features, speech.features)
    assert_same(speech_again.recording, speech.recording)
    assert speech_again.fps == 25
    source = {librivox.name: hashlib.sha256(librivox.read_bytes()).hexdigest()}
    assert read_bundle_header(path) == BundleHeader("demo", ("reference", "speech"), source)
    assert is_bundle(path)


def test_either_alone(tmp_path, reference, speech):
    write_bundle(tmp_path / "r.safetensors", reference, None, "demo")
    write_bundle(tmp_path / "s.safetensors", None, speech, "demo")
    again, nothing = read_bundle(tmp_path / "r.safetensors")
    assert nothing is None
    assert_same(again, reference)
    nothing, again = read_bundle(tmp_path / "s.safetensors")
    assert nothing is None
    assert again.frames == 82


def test_same_bytes(tmp_path, reference, speech, librivox):
    for name in ("a", "b"):
        write_bundle(tmp_path / name, reference, speech, "demo", [librivox])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_other_files_are_no_bundles(tmp_path, librivox):
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    (tmp_path / "text").write_text("hello")
    for path in (tmp_path / "other.safetensors", tmp_path / "text", tmp_path / "missing", tmp_path, librivox):
        assert not is_bundle(path)
        with pytest.raises(InputError) as told:
            read_bundle(path)
        assert told.value.hint


def test_unknown_version(tmp_path):
    header = json.dumps({"format": "cyberhost bundle", "version": 2})
    save_file({"a": np.zeros(3)}, tmp_path / "a", metadata={"cyberhost": header})
    assert is_bundle(tmp_path / "a")
    with pytest.raises(InputError, match="version 2, expected 1"):
        read_bundle(tmp_path / "a")


@pytest.mark.parametrize("share", [0.001, 0.01, 0.5, 0.999])
def test_truncated(tmp_path, reference, share):
    path = tmp_path / "a.safetensors"
    write_bundle(path, reference, None, "demo")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(InputError, match="damaged"):
        read_bundle(path)


def test_full_disk_leaves_nothing(tiny_disk, reference, speech):
    with pytest.raises(CyberHostError, match="no space left"):
        write_bundle(tiny_disk / "a.safetensors", reference, speech, "demo")
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]
