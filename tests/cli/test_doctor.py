import json


def test_what_is_there_and_what_is_lacking(run, inputs, monkeypatch):
    monkeypatch.setenv("CYBERHOST_PRESETS", str(inputs.preset.parent))
    code, out, err = run("doctor", "--json")
    assert (code, err) == (0, "")
    found = {finding["topic"]: finding for finding in json.loads(out)}
    topics = ("python", "torch", "device", "memory", "cores", "codec libx264", "codec aac", "detector mediapipe")
    assert all(found[topic]["ok"] for topic in topics)
    assert found["preset tiny"]["found"] == f"can generate with `{inputs.preset.with_name('tiny.safetensors')}`"
    assert (found["preset base"]["ok"], found["preset base"]["found"]) == (False, "preset `base` has no weights")
    assert "`--set checkpoint=FILE`" in found["preset base"]["remedy"]
