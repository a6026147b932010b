import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("cyberhost")
DEMO = Path(__file__).parents[2] / "presets" / "demo"


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
        first = process.stderr.readline()
        process.send_signal(number)
        rest = process.stderr.read()
    assert first == "frames 0/100\n"
    assert rest == "interrupted\n"
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
