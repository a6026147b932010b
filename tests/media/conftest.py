import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.types import Marks, Recording

LIBRIVOX = Path(__file__).parents[1] / "assets" / "librivox.flac"


@pytest.fixture(scope="session")
def librivox():
    """Path of a sentence of 3.29 s, 16 kHz, mono."""
    return LIBRIVOX


@pytest.fixture(scope="session")
def recording():
    return Recording(*soundfile.read(LIBRIVOX, dtype="float32", always_2d=True))


@pytest.fixture(scope="session")
def marks():
    return Marks(preset="demo", seed=7, checkpoint="0123456789abcdef" * 4)


@pytest.fixture(scope="session")
def output():
    """Make the output section of the base preset, in another format."""
    return lambda kind="h264": load_preset("base", [f"output.format={kind}"]).preset.output


@pytest.fixture(scope="session")
def moving():
    """Make so many frames of a smooth picture that wanders, 96 wide and 64 high, in chunks."""

    def make(frames: int, chunk: int = 5):
        y, x = np.mgrid[0:64, 0:96].astype(np.float32)
        for start in range(0, frames, chunk):
            numbers = range(start, min(start + chunk, frames))
            yield np.stack([np.stack([2 * x + n, 3 * y, x + y + n], axis=2).clip(0, 255) for n in numbers]).astype(
                np.uint8
            )

    return make


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 1 MiB with 64 KiB left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs here")
    (disk / "other").write_bytes(bytes(960 * 1024))
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
