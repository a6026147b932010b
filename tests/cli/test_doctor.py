import json
import shutil

import pytest


@pytest.fixture
def own(inputs, tmp_path, monkeypatch):
    """Return a folder of presets, with weights that are fit, on a machine that has no others."""
    for path in (inputs.preset, inputs.preset.with_name("tiny.safetensors")):
        shutil.copy(path, tmp_path)
    monkeypatch.setenv("CYBERHOST_PRESETS", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def test_what_is_there_and_what_is_lacking(run, own):
    (own / "hears.yaml").write_text(
        "extends: tiny\n"
        "checkpoint: nowhere.safetensors\n"
        "detection: {embedder: arcface}\n"
        "speech: {encoder: whisper, weights: whisper-tiny}\n",
        encoding="utf-8",
    )
    code, out, err = run("doctor", "--json")
    assert (code, err) == (0, "")
    found = {finding["topic"]: finding for finding in json.loads(out)}
    topics = ("python", "torch", "device", "memory", "cores", "codec libx264", "codec aac", "detector mediapipe")
    assert all(found[topic]["ok"] for topic in topics)
    assert found["detector dwpose"]["lacks"][0]["remedy"] == "`cyberhost weights fetch dwpose`"
    assert found["preset tiny"]["ok"]
    assert found["preset tiny"]["found"] == f"can generate with `{own / 'tiny.safetensors'}`"
    assert not found["preset hears"]["ok"]
    assert [lack["what"].partition("` ")[0] for lack in found["preset hears"]["lacks"]] == [
        f"its weights `{own / 'nowhere.safetensors'}",
        "the weights `buffalo_l",
        "the weights `whisper-tiny",
    ]
    # It has no weights by design.
    assert "preset base" not in found


def test_each_lack_is_followed_by_what_gets_it(run, own):
    _, out, _ = run("doctor")
    lines = [line.strip() for line in out.splitlines()]
    place = next(number for number, line in enumerate(lines) if line.startswith("lacking  preset echomimic-v2 "))
    told = [lines[place].split(maxsplit=3)[3], *lines[place + 1 : place + 4]]
    assert told == [
        f"its weights `{own}/.local/share/cyberhost/echomimic-v2.safetensors` are not there",
        "→ `cyberhost weights fetch echomimic-v2 sd-vae-ft-mse`, then `cyberhost weights import echomimic-v2`",
        "the weights `whisper-tiny` (151 MB, Apache-2.0) are not on this machine",
        "→ `cyberhost weights fetch whisper-tiny`",
    ]


def test_a_broken_preset_is_told_beside_the_others(run, own):
    (own / "backwards.yaml").write_text("extends: tiny\nsampling: {steps: -1}\n", encoding="utf-8")
    code, out, _ = run("doctor", "--json")
    found = {finding["topic"]: finding for finding in json.loads(out)}
    assert code == 0
    assert found["preset tiny"]["ok"]
    (lack,) = found["preset backwards"]["lacks"]
    assert lack["what"].startswith("sampling.steps: expected a number greater than 0")
    assert lack["remedy"]


def test_a_base_that_nothing_can_be_read_from_is_told(run, own):
    (own / "base.yaml").write_text("sampling: [", encoding="utf-8")
    code, out, _ = run("doctor", "--json")
    lacking = [finding for finding in json.loads(out) if not finding["ok"]]
    assert code == 0
    assert {"detector mediapipe", "preset tiny"} <= {finding["topic"] for finding in lacking}
    assert all(f"`{own / 'base.yaml'}` is not YAML" in finding["lacks"][0]["what"] for finding in lacking)


@pytest.mark.usefixtures("own")
def test_weights_that_the_memory_cannot_hold(run, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 1000, "total": 2**30}))
    _, out, _ = run("doctor", "--json")
    found = {finding["topic"]: finding for finding in json.loads(out)}
    assert found["preset tiny"]["lacks"][0]["what"].startswith("its weights alone take 0.0 GiB in float32, and 0.0 GiB")
