import dataclasses
import pickle

import numpy as np
import pytest
import torch

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.preprocess.puppet import Puppet
from cyberhost_cli.training.batch import Windows
from cyberhost_cli.training.dataset import open_dataset
from cyberhost_cli.training.diffusion import windows
from tests.training.prepared import loaded, model_of, with_latents


@pytest.fixture(scope="module")
def make(dataset_folder):
    """Return what makes the windows of a preset's settings."""
    preset = loaded("clips")
    model = model_of(preset)
    dataset = with_latents(open_dataset(dataset_folder, preset.preset), model)

    def make(**settings) -> Windows:
        training = preset.preset.training.model_copy(update=settings)
        changed = preset.preset.model_copy(update={"training": training})
        return windows(model, dataclasses.replace(dataset, batch=training.batch), changed, range(1000))

    return make


def drawn(made: Windows, count: int):
    return [made.draw(step, row) for step in range(count // 4) for row in range(4)]


def test_batch_has_the_frames_it_says(make):
    made = make(motion_noise=0.5)
    batch = made(7, range(4))
    assert batch.latents.shape == (4, 4, 4, 16, 16)
    assert batch.skeleton.shape == (4, 64, 64, 3)
    assert batch.pose.shape == (4, 1, 64, 64, 3)
    assert batch.masks.shape == (4, 4, 3, 16, 16)
    assert batch.hand_keypoints.shape == (4, 4, 42, 3)
    for row in range(4):
        window = made.draw(7, row)
        clip, latents = made.dataset.clips[window.clip], made.dataset.latents(window.clip)
        span = slice(window.start, window.start + 4)
        np.testing.assert_array_equal(batch.latents[row], latents[span])
        np.testing.assert_array_equal(batch.hand_keypoints[row], clip.keypoints[span, 91:])
        np.testing.assert_array_equal(batch.speech[row], clip.speech[span])
        np.testing.assert_array_equal(batch.reference[row], latents[window.reference])
        np.testing.assert_array_equal(batch.face[row], clip.faces[window.reference])
        pose = skeleton.draw(clip.keypoints[window.reference], 64, 64)
        np.testing.assert_array_equal(batch.skeleton[row], pose)
        if window.has_motion:
            np.testing.assert_array_equal(batch.motion[row], latents[window.start - 2 : window.start])
        else:
            np.testing.assert_array_equal(batch.motion[row], latents[[window.reference] * 2])
        assert batch.timesteps[row] == window.timestep
        assert batch.disturbance[row].item() == pytest.approx(window.disturbance)
        assert batch.seeds[row] == window.seed


def test_batch_is_a_function_of_seed_step_and_row(make):
    made = make(drop_audio=0.5, drop_reference=0.5)
    whole = made(5, range(4))
    # As another process draws it, before anything else and in two parts.
    others = pickle.loads(pickle.dumps(made))
    parts = [others(5, range(2, 4)), others(5, range(2))][::-1]
    for field in dataclasses.fields(whole):
        value, told = getattr(whole, field.name), [getattr(part, field.name) for part in parts]
        same = torch.equal(value, torch.cat(told)) if isinstance(value, torch.Tensor) else told == [value] * 2
        assert same, field.name
    assert not torch.equal(whole.seeds, made(6, range(4)).seeds)
    assert not torch.equal(whole.seeds, make(seed=1)(5, range(4)).seeds)


def test_batches_are_small(make):
    # Pictures as bytes, latents in 16 bits: workers hand over many of them a second.
    batch = make()(0, range(4))
    kinds = {field.name: getattr(batch, field.name).dtype for field in dataclasses.fields(batch)[:-2]}
    assert {kinds[name] for name in ("skeleton", "pose", "face", "hands", "masks")} == {torch.uint8}
    assert {kinds[name] for name in ("latents", "motion", "reference")} == {torch.float16}


def test_windows_at_the_beginning_have_no_motion_frames(make):
    found = drawn(make(drop_motion=0.0), 400)
    assert {each.start for each in found} == set(range(11))
    assert all(each.has_motion == (each.start >= 2) for each in found)
    assert {each.reference for each in found} == set(range(14))
    assert not any(each.has_motion for each in drawn(make(drop_motion=1.0), 40))


def test_movement_rectangle_is_enlarged(make):
    def area(enlargement: float) -> float:
        return make(movement_enlargement=(enlargement, enlargement))(0, range(1)).pose.float().sum().item()

    assert area(1.5) == pytest.approx(1.5**2 * area(1.0), rel=0.02)


def test_timesteps_are_spread_evenly(make):
    made = make(terminal=0.0)
    for step in range(50):
        found = sorted(made.draw(step, row).timestep for row in range(4))
        # One in each quarter of a circle that begins anywhere.
        assert np.diff(found).tolist() == [250] * 3
    every = np.array([each.timestep for each in drawn(made, 2000)])
    assert np.histogram(every, bins=10, range=(0, 1000))[0].min() > 150


def test_terminal_rows_have_the_last_timestep(make):
    found = [each.timestep for each in drawn(make(terminal=0.3), 800)]
    assert 0.25 < np.mean(np.array(found) == 999) < 0.35


def test_drops_are_those_of_the_whole_batch(make):
    made = make(drop_audio=0.3, drop_reference=0.1)
    batches = [made(step, range(step % 4, step % 4 + 1)) for step in range(60)]
    assert 0.15 < np.mean([batch.drop_audio for batch in batches]) < 0.45
    assert 0 < np.mean([batch.drop_reference for batch in batches]) < 0.25


def test_poses_drive_as_many_rows_as_the_preset_says(make):
    made = make(body_poses=0.5, hand_poses=0.25)
    assert made(0, range(2)).carried.shape == (2, 0, 64, 64, 3)
    found = [made.draw(0, row) for row in range(40)]
    batch = made(0, range(40))
    driving = [window.driving for window in found]
    assert batch.pose.shape == (40, 4, 64, 64, 3)
    assert 12 < driving.count("body") < 28
    assert 3 < driving.count("hands") < 18
    for window, maps in zip(found, batch.pose.numpy(), strict=True):
        keypoints = made.dataset.clips[window.clip].keypoints[window.start : window.start + 4]
        if window.driving == "body":
            np.testing.assert_array_equal(maps, skeleton.draw_track(keypoints, 64, 64))
        elif window.driving is None:
            assert all(np.array_equal(each, maps[0]) for each in maps)
        else:
            # Coloured fingers over the white rectangle, which moves with them.
            assert (np.ptp(maps, axis=3) > 100).any(axis=(1, 2)).all()
            assert not np.array_equal(maps[0], maps[3])


def test_clips_shorter_than_a_window_are_refused(make):
    with pytest.raises(InputError, match=r"14 frames, the preset trains on windows of 15"):
        make(frames=15)


def test_the_reference_is_carried_to_where_hands_are_driven(make):
    made = dataclasses.replace(make(hand_poses=0.5), carries_hands=True)
    found = [made.draw(0, row) for row in range(12)]
    assert {window.driving for window in found} == {"hands", None}
    for window, carried in zip(found, made(0, range(12)).carried.numpy(), strict=True):
        clip = made.dataset.clips[window.clip]
        picture = clip.film()[window.reference]
        wanted = np.repeat(picture[None], 4, axis=0)
        if window.driving == "hands":
            puppet = Puppet(picture, clip.keypoints[window.reference])
            wanted = puppet.poses(clip.keypoints[window.start : window.start + 4])
            assert (wanted != picture).any()
        np.testing.assert_array_equal(carried, wanted)
