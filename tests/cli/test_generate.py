import json

import pytest

import cyberhost_cli


@pytest.fixture(scope="module")
def video(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("video") / "python.mp4"
    cyberhost_cli.generate(str(inputs.picture), inputs.speech, out, preset=str(inputs.preset))
    return out


def test_files(run, inputs, video, tmp_path):
    out = tmp_path / "out.mp4"
    code, said, told = run("generate", inputs.picture, inputs.speech, "-o", out, "-p", inputs.preset)
    assert (code, said) == (0, f"{out}\n")
    assert told.splitlines()[0] == "frames 0/10"
    assert told.splitlines()[-1].startswith("frames 10/10, ")
    assert out.read_bytes() == video.read_bytes()


def test_the_stages_are_generate(run, inputs, video, tmp_path):
    preset = ("-p", inputs.preset)
    person, speech, seen = tmp_path / "person.safetensors", tmp_path / "speech.safetensors", tmp_path / "seen.png"
    chunks, out = tmp_path / "chunks", tmp_path / "stitched.mp4"
    assert run("preprocess", inputs.picture, "-o", person, "--overlay", seen, *preset) == (0, f"{person}\n", "")
    assert run("audio", inputs.speech, "-o", speech, *preset) == (0, f"{speech}\n", "")
    assert run("sample", person, speech, "-o", chunks, *preset)[:2] == (0, f"{chunks}\n")
    assert run("stitch", chunks, "-o", out)[:2] == (0, f"{out}\n")
    assert out.read_bytes() == video.read_bytes()
    assert seen.read_bytes().startswith(b"\x89PNG")


def test_a_bundle_a_seed_and_json(run, inputs, video, tmp_path):
    bundle, out = tmp_path / "bundle.safetensors", tmp_path / "again.mp4"
    run("preprocess", inputs.picture, inputs.speech, "-o", bundle, "-p", inputs.preset)
    code, said, told = run("generate", bundle, "-o", out, "-p", inputs.preset, "--seed", "1", "--json")
    events = [json.loads(line) for line in said.splitlines()]
    assert (code, told) == (0, "")
    assert events[0] == {"event": "progress", "unit": "frames", "done": 0, "total": 10}
    assert events[-2]["done"] == 10
    assert events[-1] == {"event": "done", "output": str(out)}
    assert json.loads(run("inspect", out, "--json")[1])["marks"]["seed"] == 1
    assert out.read_bytes() != video.read_bytes()


def test_inspect_tells_how_it_was_made(run, inputs, video):
    found = json.loads(run("inspect", video, "--json")[1])
    weights = json.loads(run("weights", "show", inputs.preset.with_name("tiny.safetensors"), "--json")[1])
    assert (found["width"], found["height"], found["fps"], found["frames"]) == (64, 64, 25, 10)
    assert (found["marks"]["preset"], found["marks"]["seed"]) == ("tiny", 0)
    assert found["marks"]["checkpoint"] == weights["sha256"]


def test_frames_from_python(inputs):
    chunks = list(cyberhost_cli.frames(inputs.picture, inputs.speech, preset=str(inputs.preset)))
    assert sum(map(len, chunks)) == 10
    assert chunks[0].shape[1:] == (64, 64, 3)
