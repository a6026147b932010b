from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from cyberhost_cli.pipelines import carried
from cyberhost_cli.pipelines.carried import ClipInputs
from cyberhost_cli.pipelines.carried import carrying as carry
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.pipelines.inputs import signed, window_inputs
from cyberhost_cli.preprocess.puppet import Puppet
from cyberhost_cli.types import Driving


@pytest.fixture
def motion(carrying):
    side = carrying.picture.width // carrying.model.autoencoder.factor
    return torch.zeros(1, carrying.model.motion.frames, carrying.model.backbone.latent_channels, side, side)


def inputs_of(clip, model):
    return ClipInputs(clip, model, 0.5, carry(clip, model))


def test_each_frame_has_the_reference_as_its_pose_says(carried_clip, carrying_model, motion):
    frames = np.array([3, 11, 40])
    told = inputs_of(carried_clip, carrying_model)(frames, motion)
    puppet = Puppet(carried_clip.reference.picture, carried_clip.reference.keypoints)
    # Past the end the last pose stays.
    poses = [puppet.pose(carried_clip.driving.keypoints[frame]) for frame in (3, 11, 11)]
    assert not np.array_equal(poses[0].pixels, poses[1].pixels)
    with torch.no_grad():
        wanted = torch.stack([carrying_model.autoencoder.encode(signed(pose.pixels)[None])[0] for pose in poses])[None]
    torch.testing.assert_close(told.carried, wanted)
    # Held are the cells that hands cover, each as far as the hand covers most of it.
    covers = np.stack([pose.hands.reshape(8, 4, 8, 4).max(axis=(1, 3)) for pose in poses])
    np.testing.assert_allclose(told.held[0, :, 0], 0.5 * covers / 255, atol=1e-6)
    assert covers.any()
    plain = window_inputs(carried_clip, carrying_model.config, frames, motion)
    assert plain.carried is None
    assert torch.equal(told.pose, plain.pose)


def test_frames_do_not_depend_on_those_before_nor_on_what_is_kept(carried_clip, carrying_model, motion, monkeypatch):
    whole = inputs_of(carried_clip, carrying_model)(np.arange(12), motion)
    monkeypatch.setattr(carried, "KEPT", 2)
    inputs = inputs_of(carried_clip, carrying_model)
    for frame in (7, 2, 7, 5, 2):
        told = inputs(np.array([frame]), motion)
        assert torch.equal(told.carried[0, 0], whole.carried[0, frame])
        assert torch.equal(told.held[0, 0], whole.held[0, frame])


def test_each_frame_is_carried_once_for_sampler_and_decoder(carried_clip, carrying_model, carrying, monkeypatch):
    posed, pose = [], Puppet.pose

    def counted(puppet, keypoints):
        posed.append(keypoints.tobytes())
        return pose(puppet, keypoints)

    monkeypatch.setattr(Puppet, "pose", counted)
    assert carrying.sampling.detail > 0
    list(generate(carried_clip, carrying_model, carrying, 0))
    assert sorted(posed) == sorted(each.tobytes() for each in carried_clip.driving.keypoints)


def test_threads_get_the_same_frames(carried_clip, carrying_model):
    shared, alone = carry(carried_clip, carrying_model), carry(carried_clip, carrying_model)
    with ThreadPoolExecutor(4) as pool:
        frames = list(pool.map(shared.frame, [0, 3, 0, 5, 3, 0, 5, 7] * 3))
    assert len({id(frame) for frame in frames}) == 4
    for number, frame in zip((0, 3, 0, 5), frames, strict=False):
        assert torch.equal(frame.latents, alone.frame(number).latents)
        assert np.array_equal(frame.pixels, alone.frame(number).pixels)


def test_nothing_is_carried_where_no_hands_are_driven_or_the_model_knows_none(
    carried_clip, carrying_model, carrying, motion
):
    frames = np.arange(4)
    for other in (None, Driving("body", carried_clip.driving.keypoints)):
        assert inputs_of(replace(carried_clip, driving=other), carrying_model)(frames, motion).carried is None
    assert carrying.model.carries_hands
    assert not carrying.model.model_copy(update={"reference_residual": False}).carries_hands


def test_what_is_carried_shows_in_the_video(carried_clip, carrying_model, carrying):
    still = replace(carried_clip, driving=Driving("hands", np.zeros_like(carried_clip.driving.keypoints)))
    moved, unmoved = (
        np.concatenate(list(generate(each, carrying_model, carrying, 0))) for each in (carried_clip, still)
    )
    assert moved.shape == unmoved.shape == (12, 32, 32, 3)
    assert np.abs(moved.astype(int) - unmoved).mean() > 0.5
