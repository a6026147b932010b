import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cyberhost_cli.cli import app

ASSETS = Path(__file__).parent.parent / "assets"
TINY = """
extends: demo
description: For tests
checkpoint: tiny.safetensors
picture: {width: 64, height: 64, face_size: 16, hand_size: 16}
model:
  backbone: {widths: [16, 16, 32]}
  regions:
    face: &region {spatial_latents: 16, temporal_latents: 16}
    hands: *region
  priors: {maps: [movement]}
  autoencoder: {widths: [8, 8, 16]}
gestures: {unasked: false, place: body}
sampling: {solver: ddim, steps: 1, spacing: 1, guidance: {audio: 2}, plan: sequential, shift: 0, chunk_frames: 6}
preflight:
  recording: {seconds: [0.2, null], speech: [0.2, null]}
"""


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the console script in this process; return its exit code, stdout and stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["cyberhost", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            app.main()
        captured = capsys.readouterr()
        return left.value.code, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Make what a run needs: a photograph, a recording, and a preset with small weights that never learned anything."""
    import soundfile
    import torch
    from PIL import Image
    from skimage import data

    from cyberhost_cli.config.load import load_preset
    from cyberhost_cli.models.cyberhost import CyberHost
    from cyberhost_cli.weights.checkpoint import Lineage, save_checkpoint

    folder = tmp_path_factory.mktemp("inputs")
    made = SimpleNamespace(picture=folder / "ref.png", speech=folder / "speech.wav", preset=folder / "tiny.yaml")
    Image.fromarray(data.astronaut()).save(made.picture)
    samples, rate = soundfile.read(ASSETS / "librivox.flac")
    soundfile.write(made.speech, samples[: rate * 2 // 5], rate)
    made.preset.write_text(TINY, encoding="utf-8")
    loaded = load_preset(str(made.preset))
    torch.manual_seed(0)
    save_checkpoint(
        loaded.checkpoint,
        CyberHost(loaded.preset.model),
        Lineage("clips", 1, "nothing", (), trained=True, licence="none"),
    )
    return made
