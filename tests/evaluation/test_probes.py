import numpy as np
import pytest
from PIL import Image, ImageFilter

from cyberhost_cli.evaluation import probes
from cyberhost_cli.evaluation.probes import Probe
from cyberhost_cli.evaluation.readers import Reading
from cyberhost_cli.models.cyberhost import CyberHost

STEPS = (0.0, 1.0, 2.0, 3.0, 4.0)


def test_rank_asks_for_the_order_alone():
    assert Probe(STEPS, (1.0, 2.0, 4.0, 8.0, 16.0)).rank == pytest.approx(1)
    assert Probe(STEPS, (5.0, 4.0, 3.0, 2.0, 1.0)).rank == pytest.approx(-1)
    assert Probe(STEPS, (1.0, 2.0, 3.0, 5.0, 4.0)).rank == pytest.approx(0.9)


def test_what_does_not_change_follows_nothing():
    assert Probe(STEPS, (3.0, 3.0, 3.0, 3.0, 3.0)).rank == 0
    assert Probe(STEPS, (1.0, 1.0, 1.0, 1.0, 2.0)).rank == pytest.approx(0.5**0.5)


def test_how_far_a_body_ranges():
    track = np.zeros((101, 133, 3), np.float32)
    track[:, 5, 0] = track[:, 6, 0] = np.linspace(10, 30, 101)
    reading = Reading(track, np.zeros(101, np.float32), 0.5)
    assert probes.body_range(reading, 200) == pytest.approx(0.9 * 20 / 200)
    track[50] += 500
    assert probes.body_range(reading, 200) == pytest.approx(0.9 * 20 / 200, rel=0.1)


def test_sharpness_falls_with_blur(frames, reading):
    soft = np.stack([np.asarray(Image.fromarray(frame).filter(ImageFilter.GaussianBlur(1))) for frame in frames])
    shown = np.array([True, True])
    assert probes.sharpness(soft, reading, shown, 32) < 0.7 * probes.sharpness(frames, reading, shown, 32)


def test_all_probes_of_a_model_that_never_learned(actors, preset, monkeypatch):
    monkeypatch.setattr(probes, "FRAMES", 6)
    told = []
    model = CyberHost(preset.model).eval().requires_grad_(False)
    found = probes.probe(actors[:1], model, lambda done, total: told.append((done, total)))
    assert told[0] == (0, 10)
    assert told[-1] == (10, 10)
    assert all(0 <= share <= 1 for share in found.overlap.found)
    # Freshly made it shows the reference, whatever it is told.
    assert max(found.movement.found) == pytest.approx(min(found.movement.found))
    assert {figure.name for figure in found.judge()} == {"hands.mask", "movement.rank", "clarity.rank"}
