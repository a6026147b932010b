import json

import pytest
import yaml

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.schema import Preset


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("CYBERHOST_PRESETS", str(tmp_path))
    return tmp_path


def test_list(run, own):
    (own / "mine.yaml").write_text("extends: demo\ndescription: My own\n", encoding="utf-8")
    code, out, err = run("presets", "list")
    assert (code, err) == (0, "")
    assert [line.split(maxsplit=1) for line in out.splitlines() if line.startswith("mine")] == [["mine", "My own"]]
    code, out, err = run("presets", "list", "--json")
    assert {"name": "demo", "description": load_preset("demo").preset.description} in json.loads(out)


def test_show_prints_what_loads_again(run):
    code, out, err = run("presets", "show", "demo", "--set", "sampling.steps=3")
    assert (code, err) == (0, "")
    assert Preset.model_validate(yaml.safe_load(out)) == load_preset("demo", ["sampling.steps=3"]).preset
    _, as_json, _ = run("presets", "show", "demo", "--json")
    assert Preset.model_validate(json.loads(as_json)) == load_preset("demo").preset


def test_check_all(run):
    code, out, err = run("presets", "check")
    assert (code, err) == (0, "")
    assert ["demo", "ok"] in [line.split() for line in out.splitlines()]


def test_check_one_that_does_not_fit(run, own):
    path = own / "mine.yaml"
    path.write_text("extends: demo\nsampling: {steps: -3}\n", encoding="utf-8")
    assert run("presets", "check", "mine") == (
        2,
        "",
        "error: sampling.steps: expected a number greater than 0, found -3\n"
        f"hint: correct it with `--set`, or in `{path}`\n",
    )
