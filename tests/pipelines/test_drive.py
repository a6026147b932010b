from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from safetensors.numpy import load_file

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.media.bundle import Parts, read_bundle, write_bundle
from cyberhost_cli.media.track import write_track
from cyberhost_cli.media.video import probe, read_frames
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines import generate
from cyberhost_cli.pipelines.drive import NOBODY, Drivers, drive
from cyberhost_cli.pipelines.generate import Request, generate_file
from cyberhost_cli.pipelines.inputs import window_inputs
from cyberhost_cli.pipelines.prepare import prepare_clip, prepare_reference, prepare_speech, read_clip
from cyberhost_cli.pipelines.preprocess import Job, prepare_job, write_job
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, PreparedClip, VideoPoses
from cyberhost_cli.weights.checkpoint import Lineage, save_checkpoint
from tests.conftest import TINY


@pytest.fixture(scope="module")
def trained_on(tmp_path_factory):
    """Return what makes a tiny preset whose weights, though random, may follow some maps."""
    import torch

    folder = tmp_path_factory.mktemp("weights")

    def make(*maps, settings=()):
        path = folder / f"{'_'.join(maps)}.safetensors"
        loaded = load_preset("demo", [*TINY, f"model.priors.maps=[{','.join(maps)}]", f"checkpoint={path}", *settings])
        torch.manual_seed(0)
        model = CyberHost(loaded.preset.model)
        with torch.no_grad():
            for parameter in model.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.1)
        save_checkpoint(
            path, model, Lineage("clips", 1, "nothing: random weights for tests", (), trained=True, licence="none")
        )
        return loaded

    return make


@pytest.fixture(scope="module")
def driven(trained_on):
    return trained_on("movement", "body", "hands")


@pytest.fixture(scope="module")
def hands_alone(trained_on):
    """Return a preset that reads no map but one of hands, and lets them gesture unasked, as EchoMimicV2."""
    return trained_on("hands", settings=["gestures.unasked=true"])


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


def clip_of(astronaut, speech, loaded, drivers, seed=0):
    person, spoken = prepare_reference(astronaut, loaded), prepare_speech(speech, loaded)
    return PreparedClip(person, spoken, drive(drivers, person, spoken, loaded, silent, seed))


def maps_of(clip, loaded, *frames):
    """Return the maps that the model is told of these frames."""
    import torch

    model = loaded.preset.model
    motion = torch.zeros(1, model.motion.frames, model.backbone.latent_channels, 8, 8)
    return window_inputs(clip, model, np.arange(*frames), motion).pose.numpy()


def test_whole_poses_stand_in_for_the_movement_map(astronaut, speech, driven, track):
    clip = clip_of(astronaut, speech, driven, Drivers(pose_video=track))
    assert clip.driving.kind == "body"
    assert clip.driving.keypoints.shape == (82, 133, 3)
    maps = maps_of(clip, driven, 5, 11)
    assert maps.shape == (1, 6, 3, 32, 32)
    assert not np.array_equal(maps[0, 0], maps[0, 5])
    size = np.ptp(clip.driving.keypoints[0, 23:91, 1])
    assert size == pytest.approx(np.ptp(clip.reference.keypoints[23:91, 1]), rel=0.1)


def test_driven_hands_lie_over_the_movement_map(astronaut, speech, driven, track):
    clip = clip_of(astronaut, speech, driven, Drivers(hand_poses=track))
    assert clip.driving.kind == "hands"
    assert not clip.driving.keypoints[:, : LEFT_HAND.start, 2].any()
    maps, plain = (maps_of(each, driven, 6) for each in (clip, replace(clip, driving=None)))
    assert plain.shape[1] == 1
    changed = (maps != plain).any(axis=(0, 1, 2))
    assert 0 < changed.mean() < 0.3


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


def test_hands_gesture_with_the_speech_as_the_seed_says(astronaut, speech, driven):
    auto = Drivers(hand_poses="auto")
    assert (auto.kind, auto.path) == ("hands", None)
    one, again, other = (clip_of(astronaut, speech, driven, auto, seed).driving for seed in (1, 1, 2))
    assert one.kind == "hands"
    assert one.keypoints.shape == (82, 133, 3)
    assert (one.keypoints[:, LEFT_HAND.start :, 2] > 0.9).all()
    assert not one.keypoints[:, : LEFT_HAND.start].any()
    assert np.array_equal(one.keypoints, again.keypoints)
    assert not np.array_equal(one.keypoints, other.keypoints)


def test_hands_gesture_unasked_where_the_preset_says_so(tmp_path, astronaut, speech, hands_alone, caplog):
    caplog.set_level("INFO")
    clip = prepare_clip(astronaut, speech, hands_alone, NOBODY, silent, 3)
    assert "gesture by themselves" in caplog.text
    expected = clip_of(astronaut, speech, hands_alone, Drivers(hand_poses="auto"), 3)
    assert np.array_equal(clip.driving.keypoints, expected.driving.keypoints)
    maps = maps_of(clip, hands_alone, 6)
    np.testing.assert_array_equal(maps[0], _drawn(clip, 6))
    # The same of bundles, none of which holds poses.
    write_bundle(tmp_path / "person", Parts(clip.reference), hands_alone.name)
    write_bundle(tmp_path / "speech", Parts(speech=clip.speech), hands_alone.name)
    again = read_clip([tmp_path / "person", tmp_path / "speech"], hands_alone, 3)
    assert np.array_equal(again.driving.keypoints, clip.driving.keypoints)


def test_hands_do_not_gesture_unasked_elsewhere(astronaut, speech, driven):
    assert prepare_clip(astronaut, speech, driven, NOBODY, silent, 3).driving is None


def _drawn(clip, frames):
    drawn = skeleton.draw_hands(clip.driving.keypoints[:frames], 32, 32)
    return np.moveaxis(drawn, 3, 1).astype(np.float32) / 255


def test_poses_of_a_bundle_stay(tmp_path, astronaut, speech, hands_alone, track):
    clip = clip_of(astronaut, speech, hands_alone, Drivers(hand_poses=track))
    write_bundle(tmp_path / "clip", Parts(clip.reference, clip.speech, clip.driving), hands_alone.name)
    again = prepare_clip(tmp_path / "clip", None, hands_alone, NOBODY, silent, 3)
    assert np.array_equal(again.driving.keypoints, clip.driving.keypoints)


def test_poses_of_another_kind_than_the_model_knows_are_refused(tmp_path, astronaut, speech, hands_alone, track):
    whole = Request(astronaut, speech, tmp_path / "out.mp4", drivers=Drivers(pose_video=track))
    with pytest.raises(UsageError, match="not learned to follow poses of the whole body") as raised:
        generate_file(whole, hands_alone, silent)
    assert "`--pose-video`" in raised.value.hint
    clip = clip_of(astronaut, speech, hands_alone, Drivers(pose_video=track))
    write_bundle(tmp_path / "clip", Parts(clip.reference, clip.speech, clip.driving), hands_alone.name)
    with pytest.raises(UsageError, match="not learned to follow poses of the whole body"):
        read_clip([tmp_path / "clip"], hands_alone, 0)


def test_a_model_of_whole_poses_wants_some_before_anything_is_read(tmp_path, astronaut, speech, trained_on):
    loaded = trained_on("body")
    missing = Request(tmp_path / "missing.png", tmp_path / "missing.wav", tmp_path / "out.mp4")
    with pytest.raises(UsageError, match="nothing but whole poses") as raised:
        generate_file(missing, loaded, silent)
    assert "`--pose-video`" in raised.value.hint
    clip = clip_of(astronaut, speech, loaded, NOBODY)
    write_bundle(tmp_path / "clip", Parts(clip.reference, clip.speech), loaded.name)
    with pytest.raises(UsageError, match="nothing but whole poses"):
        read_clip([tmp_path / "clip"], loaded, 0)


def test_a_folder_of_echomimic_is_fitted_to_the_reference(tmp_path, astronaut, speech, driven):
    recorded = load_file(Path(__file__).parents[1] / "parity" / "hands.safetensors")
    for number in range(2):
        (tmp_path / f"{number}.npy").write_bytes(recorded[f"{number}.file"].tobytes())
    clip = clip_of(astronaut, speech, driven, Drivers(hand_poses=tmp_path))
    assert clip.driving.keypoints.shape == (82, 133, 3)
    # Theirs fill a square of 768 pixels, ours has 32.
    palm = np.linalg.norm(
        clip.driving.keypoints[:, LEFT_HAND.start + 9] - clip.driving.keypoints[:, LEFT_HAND.start], axis=1
    )
    shoulders = np.linalg.norm(np.subtract(*clip.reference.keypoints[[5, 6], :2]))
    assert 0.15 < palm.max() / shoulders < 0.5


def test_gestures_come_into_a_bundle(tmp_path, astronaut, speech, preset):
    job = Job(astronaut, speech, tmp_path / "clip", tmp_path / "seen.mp4", Drivers(hand_poses="auto"))
    parts, told = prepare_job(job, preset, silent), []
    write_job(job, parts, preset, lambda *done: told.append(done))
    frames = parts.speech.frames
    assert (told[0], told[-1]) == ((0, frames), (frames, frames))
    assert np.array_equal(read_bundle(tmp_path / "clip").driving.keypoints, parts.driving.keypoints)
    assert probe(tmp_path / "seen.mp4").frames == frames
    with pytest.raises(UsageError, match="there is none"):
        prepare_job(replace(job, speech=None), preset, silent)
