from dataclasses import replace

import numpy as np
import pytest
import torch

from cyberhost_cli.pipelines import carried
from cyberhost_cli.pipelines.bench.inputs import random_clip
from cyberhost_cli.pipelines.carried import ClipInputs
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.pipelines.inputs import signed, window_inputs
from cyberhost_cli.preprocess.puppet import Puppet
from cyberhost_cli.types import Driving
from tests.conftest import TINY


@pytest.fixture(scope="module")
def preset():
    from cyberhost_cli.config.load import load_preset

    maps = "model.priors.maps=[movement,hands]"
    return load_preset("demo", [*TINY, maps, "gestures.unasked=true", "gestures.place=picture"]).preset


@pytest.fixture(scope="module")
def model(preset):
    from cyberhost_cli.pipelines.bench.inputs import random_model

    return random_model(preset.model, torch.device("cpu"), torch.float32).eval()


@pytest.fixture(scope="module")
def clip(preset):
    return random_clip(preset, 12, 0)


@pytest.fixture
def motion(preset):
    side = preset.picture.width // preset.model.autoencoder.factor
    return torch.zeros(1, preset.model.motion.frames, preset.model.backbone.latent_channels, side, side)


def test_each_frame_has_the_reference_as_its_pose_says(clip, model, motion):
    frames = np.array([3, 11, 40])
    told = ClipInputs(clip, model, 0.5)(frames, motion)
    puppet = Puppet(clip.reference.picture, clip.reference.keypoints)
    # Past the end the last pose stays.
    poses = [puppet.pose(clip.driving.keypoints[frame]) for frame in (3, 11, 11)]
    assert not np.array_equal(poses[0].pixels, poses[1].pixels)
    with torch.no_grad():
        wanted = torch.stack([model.autoencoder.encode(signed(pose.pixels)[None])[0] for pose in poses])[None]
    torch.testing.assert_close(told.carried, wanted)
    # Held are the cells that hands cover, each as far as the hand covers most of it.
    covers = np.stack([pose.hands.reshape(8, 4, 8, 4).max(axis=(1, 3)) for pose in poses])
    np.testing.assert_allclose(told.held[0, :, 0], 0.5 * covers / 255, atol=1e-6)
    assert covers.any()
    plain = window_inputs(clip, model.config, frames, motion)
    assert plain.carried is None
    assert torch.equal(told.pose, plain.pose)


def test_frames_do_not_depend_on_those_before_nor_on_what_is_kept(clip, model, motion, monkeypatch):
    whole = ClipInputs(clip, model, 0.5)(np.arange(12), motion)
    monkeypatch.setattr(carried, "KEPT", 2)
    inputs = ClipInputs(clip, model, 0.5)
    for frame in (7, 2, 7, 5, 2):
        told = inputs(np.array([frame]), motion)
        assert torch.equal(told.carried[0, 0], whole.carried[0, frame])
        assert torch.equal(told.held[0, 0], whole.held[0, frame])


def test_nothing_is_carried_where_no_hands_are_driven_or_the_model_knows_none(clip, model, preset, motion):
    frames = np.arange(4)
    for other in (None, Driving("body", clip.driving.keypoints)):
        assert ClipInputs(replace(clip, driving=other), model, 0.5)(frames, motion).carried is None
    assert preset.model.carries_hands
    assert not preset.model.model_copy(update={"reference_residual": False}).carries_hands


def test_what_is_carried_shows_in_the_video(clip, model, preset):
    still = replace(clip, driving=Driving("hands", np.zeros_like(clip.driving.keypoints)))
    moved, unmoved = (np.concatenate(list(generate(each, model, preset, 0))) for each in (clip, still))
    assert moved.shape == unmoved.shape == (12, 32, 32, 3)
    assert np.abs(moved.astype(int) - unmoved).mean() > 0.5
