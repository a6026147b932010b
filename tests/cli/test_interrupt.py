import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("cyberhost")
DEMO = Path(__file__).parents[2] / "presets" / "demo"
STOPPING = "stopping as soon as what is being computed is done; interrupt again to leave at once\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_run_leaves_nothing(tmp_path, number):
    command = [SCRIPT, "generate", DEMO / "ref.png", DEMO / "speech.wav", "-o", tmp_path / "out.mp4"]
    # Under `nohup` a SIGHUP is ignored, by the tests and so by what they start.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(number, before)
    with process:
        gestures, first = process.stderr.readline(), process.stderr.readline()
        process.send_signal(number)
        rest = process.stderr.read()
    assert gestures.startswith("no poses are given; hands gesture by themselves")
    assert first.startswith("frames 0/100, chunk 1/")
    # It may come before anything is computed.
    assert rest.removeprefix(STOPPING) == "interrupted\n"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_the_same_command_goes_on_after_a_signal(tmp_path, inputs):
    out, again = tmp_path / "out.mp4", tmp_path / "again.mp4"
    command = [
        SCRIPT,
        "generate",
        inputs.picture,
        inputs.speech,
        "-p",
        inputs.preset,
        "--set=sampling.steps=40",
        "--json",
    ]
    with subprocess.Popen([*command, "-o", out], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        # Its chunk is done before another one begins.
        while json.loads(process.stdout.readline())["chunk"] < 2:
            pass
        process.send_signal(signal.SIGTERM)
        told = process.stderr.read()
    kept = f"what is done is kept in `{out}.unfinished`; the same command goes on from there\n"
    assert told == f"{STOPPING}{kept}interrupted\n"
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4.unfinished"]
    second = subprocess.run([*command, "-o", out], capture_output=True, text=True, check=True)
    frames = json.loads(second.stdout.splitlines()[0])["done"]
    assert json.loads(second.stdout.splitlines()[0]) == {
        "event": "resumed",
        "unit": "frame",
        "done": frames,
        "total": 10,
    }
    assert 0 < frames < 10
    assert second.stderr == f"going on at frame {frames} of 10\n"
    subprocess.run([*command, "-o", again], capture_output=True, check=True)
    assert out.read_bytes() == again.read_bytes()
