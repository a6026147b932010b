"""`cyberhost weights list` and `fetch` through the installed console script, with the real catalogue."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cyberhost_cli.weights import catalogue
from tests.weights.hub import Hub

CYBERHOST = Path(sys.executable).with_name("cyberhost")


@pytest.fixture
def run(tmp_path):
    """Run `cyberhost weights` on a machine that has no weights; return exit code, stdout and stderr."""

    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}

    def call(*arguments, **environment):
        process = subprocess.run(
            [CYBERHOST, "weights", *arguments],
            env=kept | {"HF_HUB_CACHE": str(tmp_path / "hub")} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return process.returncode, process.stdout, process.stderr

    return call


@pytest.fixture
def dwpose(tmp_path):
    """Make files of the right sizes that take no room."""
    folder = tmp_path / "models" / "dwpose"
    folder.mkdir(parents=True)
    for file in catalogue.find("dwpose").files:
        (folder / file.name).touch()
        os.truncate(folder / file.name, file.size)
    return folder


def test_list(run):
    code, out, err = run("list")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert list(lines) == ["dwpose", "buffalo_l", "wav2vec2-base-960h", "whisper-tiny"]
    assert "  191 MB  non-commercial research only (InsightFace)  -  " in lines["buffalo_l"]


def test_list_tells_where_they_lie(run, dwpose):
    code, out, _ = run("list", "--json", "--in", dwpose.parent)
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["dwpose"]["folder"] == str(dwpose)
    assert rows["dwpose"]["megabytes"] == 351
    assert rows["buffalo_l"]["folder"] is None


def test_list_is_quick_to_start():
    heavy = ("torch", "numpy", "av", "httpx2", "transformers", "cyberhost_cli.weights.fetch")
    code = (
        "import sys; sys.argv = ['cyberhost', 'weights', 'list']\n"
        "from cyberhost_cli.cli.app import main\n"
        "try: main()\n"
        f"finally: print('heavy:', *(name for name in {heavy} if name in sys.modules))\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.splitlines()[-1] == "heavy:"


def test_fetch_what_is_there(run, dwpose):
    assert run("fetch", "dwpose", "--to", dwpose.parent) == (0, f"{dwpose}\n", "`dwpose` is there already\n")


def test_fetch_an_unknown_name_fetches_nothing(run, tmp_path):
    found = run("fetch", "whisper-tiny", "dwpos", "--to", tmp_path / "models")
    assert found == (2, "", "error: no weights named `dwpos`\nhint: did you mean `dwpose`?\n")
    assert not (tmp_path / "models").exists()


def test_fetch_names_the_licence_and_takes_no_other_file(run, tmp_path):
    entry = catalogue.find("whisper-tiny")
    with Hub({"config.json": bytes(1983)}, entry.repo, entry.revision) as hub:
        code, out, err = run("fetch", "whisper-tiny", "--to", tmp_path, HF_ENDPOINT=hub.endpoint)
    lines = err.splitlines()
    assert (code, out) == (1, "")
    assert lines[0] == "`whisper-tiny`: 151 MB from `openai/whisper-tiny`, licence: Apache-2.0"
    assert lines[-2].startswith("error: `config.json` of `openai/whisper-tiny` came with the sha256 ")
    assert not list(tmp_path.rglob("*.json"))
