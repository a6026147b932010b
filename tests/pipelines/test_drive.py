from dataclasses import replace

import numpy as np
import pytest
import skimage.data

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.media.bundle import Parts, write_bundle
from cyberhost_cli.media.track import write_track
from cyberhost_cli.media.video import probe, read_frames
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines import generate
from cyberhost_cli.pipelines.drive import Drivers, drive
from cyberhost_cli.pipelines.generate import Request, generate_file
from cyberhost_cli.pipelines.inputs import window_inputs
from cyberhost_cli.pipelines.prepare import prepare_reference, prepare_speech
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.sampling.chunks import Chunk
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, PreparedClip, VideoPoses
from cyberhost_cli.weights.checkpoint import Lineage, save_checkpoint
from tests.conftest import TINY


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """Return a tiny preset whose weights, though random, may follow poses."""
    import torch

    path = tmp_path_factory.mktemp("weights") / "driven.safetensors"
    settings = [*TINY, "model.priors.pose_maps=true", f"checkpoint={path}"]
    loaded = load_preset("demo", settings)
    torch.manual_seed(0)
    model = CyberHost(loaded.preset.model)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    save_checkpoint(path, model, Lineage("clips", 1, "nothing: random weights for tests", (), trained=True))
    return loaded


@pytest.fixture(scope="module")
def track(tmp_path_factory, astronaut, driven):
    """Write the poses of somebody who is twice as large as the astronaut, and wanders to the right; 1 s at 10 fps."""
    person = prepare_reference(astronaut, driven).keypoints
    path = tmp_path_factory.mktemp("track") / "poses.safetensors"
    hand = np.stack([np.arange(21) % 5 + 8.0, np.arange(21) // 5 + 22.0, np.ones(21)], axis=1)
    person = person.copy()
    person[LEFT_HAND], person[RIGHT_HAND] = hand + np.float32([8, 0, 0]), hand
    person[9], person[10] = person[LEFT_HAND.start], person[RIGHT_HAND.start]
    poses = np.repeat(person[None] * np.float32([2, 2, 1]), 10, axis=0)
    poses[:, :, 0] += np.arange(10, dtype=np.float32)[:, None]
    write_track(path, VideoPoses(poses.astype(np.float32), 10.0, 64, 64), astronaut)
    return path


def clip_of(astronaut, speech, loaded, drivers):
    person, spoken = prepare_reference(astronaut, loaded), prepare_speech(speech, loaded)
    return PreparedClip(person, spoken, drive(drivers, person, spoken.frames, loaded, silent))


def test_whole_poses_stand_in_for_the_movement_map(astronaut, speech, driven, track):
    clip = clip_of(astronaut, speech, driven, Drivers(pose_video=track))
    assert clip.driving.kind == "body"
    assert clip.driving.keypoints.shape == (82, 133, 3)
    maps = window_inputs(clip, Chunk(5, 11, 0), motion(driven)).pose
    assert maps.shape == (1, 6, 3, 32, 32)
    assert not np.array_equal(maps[0, 0], maps[0, 5])
    size = np.ptp(clip.driving.keypoints[0, 23:91, 1])
    assert size == pytest.approx(np.ptp(clip.reference.keypoints[23:91, 1]), rel=0.1)


def test_driven_hands_lie_over_the_movement_map(astronaut, speech, driven, track):
    clip = clip_of(astronaut, speech, driven, Drivers(hand_poses=track))
    assert clip.driving.kind == "hands"
    assert not clip.driving.keypoints[:, : LEFT_HAND.start, 2].any()
    maps = window_inputs(clip, Chunk(0, 6, 0), motion(driven)).pose.numpy()
    plain = window_inputs(replace(clip, driving=None), Chunk(0, 6, 0), motion(driven)).pose.numpy()
    assert plain.shape[1] == 1
    changed = (maps != plain).any(axis=(0, 1, 2))
    assert 0 < changed.mean() < 0.3


def motion(loaded):
    import torch

    model = loaded.preset.model
    return torch.zeros(1, model.motion.frames, model.backbone.latent_channels, 8, 8)


def test_poses_change_the_video_and_travel_in_a_bundle(tmp_path, astronaut, speech, driven, track):
    drivers = Drivers(pose_video=track)
    generate_file(Request(astronaut, speech, tmp_path / "driven.mp4", drivers=drivers), driven, silent)
    generate_file(Request(astronaut, speech, tmp_path / "free.mp4"), driven, silent)
    clip = clip_of(astronaut, speech, driven, drivers)
    write_bundle(tmp_path / "clip", Parts(clip.reference, clip.speech, clip.driving), driven.name)
    generate_file(Request(tmp_path / "clip", None, tmp_path / "bundle.mp4"), driven, silent)
    assert probe(tmp_path / "driven.mp4").frames == 82
    assert (tmp_path / "driven.mp4").read_bytes() == (tmp_path / "bundle.mp4").read_bytes()
    assert (tmp_path / "driven.mp4").read_bytes() != (tmp_path / "free.mp4").read_bytes()


def test_weights_that_never_learned_poses_refuse_them(tmp_path, astronaut, speech, preset, track):
    request = Request(astronaut, speech, tmp_path / "out.mp4", drivers=Drivers(pose_video=track))
    with pytest.raises(UsageError, match="has not learned to follow poses"):
        generate_file(request, preset, silent)


def test_two_drivers_and_a_bundle_with_one_are_refused(tmp_path, astronaut, speech, driven, track):
    both = Request(astronaut, speech, tmp_path / "out.mp4", drivers=Drivers(track, track))
    with pytest.raises(UsageError, match="cannot both be driven"):
        generate_file(both, driven, silent)
    with pytest.raises(UsageError, match="a bundle holds neither"):
        generate_file(Request(astronaut, None, tmp_path / "out.mp4", drivers=Drivers(track)), driven, silent)
    with pytest.raises(UsageError, match="a bundle holds neither"):
        generate_file(Request(astronaut, None, tmp_path / "out.mp4", composite=True), driven, silent)


def test_composite_is_the_whole_picture(tmp_path, astronaut, speech, preset):
    generate.generate_file(Request(astronaut, speech, tmp_path / "out.mp4", composite=True), preset, silent)
    frames = np.concatenate(list(read_frames(tmp_path / "out.mp4", 32)))
    original = skimage.data.astronaut()
    assert frames.shape == (82, *original.shape)
    box = prepare_reference(astronaut, preset).placement.box
    outside = np.ones(original.shape[:2], bool)
    outside[max(0, int(box.top)) : int(box.bottom) + 1, max(0, int(box.left)) : int(box.right) + 1] = False
    assert outside.mean() > 0.2
    difference = np.abs(frames[40].astype(int) - original)
    assert difference[outside].mean() < 3
    assert difference[~outside].mean() > 10


def test_a_track_that_never_shows_the_hands_is_refused(tmp_path, astronaut, speech, driven):
    person = prepare_reference(astronaut, driven).keypoints
    write_track(tmp_path / "t", VideoPoses(np.repeat(person[None], 5, axis=0), 25.0, 32, 32), astronaut)
    with pytest.raises(InputError, match="never shows the hands"):
        clip_of(astronaut, speech, driven, Drivers(hand_poses=tmp_path / "t"))


def test_a_track_that_often_shows_nobody_is_warned_of(tmp_path, astronaut, speech, driven, caplog):
    poses = np.repeat(prepare_reference(astronaut, driven).keypoints[None], 10, axis=0)
    poses[5:, :, 2] = 0
    write_track(tmp_path / "t", VideoPoses(poses, 25.0, 32, 32), astronaut)
    clip_of(astronaut, speech, driven, Drivers(pose_video=tmp_path / "t"))
    assert "of the frames; use a video in which the body can be seen" in caplog.text
