from importlib import resources

import numpy as np

from cyberhost_cli.synth import gestures


def test_the_poses_that_ship_can_be_made_again(tmp_path):
    gestures.write(tmp_path / "poses.npz")
    shipped = resources.files("cyberhost_cli.preprocess.gestures") / "poses.npz"
    assert len(shipped.read_bytes()) < 60_000
    with shipped.open("rb") as file, np.load(tmp_path / "poses.npz") as made:
        kept = np.load(file)
        assert set(kept) == set(made)
        for name in made:
            assert kept[name].dtype == made[name].dtype
            np.testing.assert_allclose(kept[name].astype(float), made[name].astype(float), atol=2e-3)


def test_there_is_every_kind_of_gesture():
    kinds = gestures.STROKES.values()
    assert {(stroke.one, stroke.both) for stroke in kinds} == {(True, True), (True, False), (False, True)}
    assert any(stroke.after.curl == gestures.FLAT for stroke in kinds)
    # Every stroke goes somewhere.
    for stroke in kinds:
        assert np.linalg.norm(np.subtract(stroke.after.wrist, stroke.before.wrist)) > 0.05
