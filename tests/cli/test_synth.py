import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from cyberhost_cli.cli.app import app

SCRIPT = Path(sys.executable).with_name("cyberhost")
SMALL = ["--size", "64", "--seconds", "0.2", "--seed", "3"]


def test_it_renders_clips_and_a_sheet(tmp_path):
    out, sheet = tmp_path / "clips", tmp_path / "sheet.png"
    command = ["synth", "-o", str(out), "--clips", "2", "--workers", "1", "--sheet", str(sheet), *SMALL]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    assert "clips 2/2" in result.stderr
    names = {f"00000{number}.{kind}" for number in (0, 1) for kind in ("mp4", "wav", "safetensors")}
    assert {path.name for path in out.iterdir()} == names
    assert np.array(Image.open(sheet)).shape == (128, 384, 3)


def test_interrupted_workers_leave_whole_clips_only(tmp_path):
    command = [SCRIPT, "synth", "-o", tmp_path, "--clips", "500", "--workers", "2", *SMALL]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("clips ") and "0/500" not in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.endswith("interrupted\n")
    assert "Traceback" not in rest
    assert not list(tmp_path.glob(".*"))
    whole = {path.stem for path in tmp_path.glob("*.mp4")}
    assert whole
    for stem in whole:
        assert (tmp_path / f"{stem}.wav").exists()
        assert (tmp_path / f"{stem}.safetensors").exists()
