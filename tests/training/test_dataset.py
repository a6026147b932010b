import dataclasses
import shutil

import numpy as np
import pytest
import torch

from cyberhost_cli.errors import InputError
from cyberhost_cli.media.track import write_track
from cyberhost_cli.media.truth import read_truth
from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.training.batch import draw_window, sample_batch
from cyberhost_cli.training.dataset import cache_folder, open_clips
from cyberhost_cli.training.latents import open_latents
from cyberhost_cli.types import VideoPoses


@pytest.fixture(scope="session")
def clips(clips_folder, preset):
    return open_clips(clips_folder, preset)


@pytest.fixture(scope="session")
def autoencoder(preset):
    torch.manual_seed(0)
    return Autoencoder(preset.model.autoencoder, preset.model.backbone.latent_channels)


@pytest.fixture(scope="session")
def latents(clips, clips_folder, preset, autoencoder):
    return open_latents(clips, autoencoder, cache_folder(clips_folder, preset))


def test_clip_holds_what_training_needs(clips):
    clip = clips[0]
    assert [each.name for each in clips] == ["000000", "000001"]
    assert clip.frames.shape == clip.skeletons.shape == (14, 64, 64, 3)
    assert clip.speech.shape == (14, 20, 80)
    assert clip.faces.shape == (14, 16, 16, 3)
    assert clip.hands.shape == (14, 2, 16, 16, 3)
    assert clip.masks.shape == (14, 3, 16, 16)
    assert clip.faces[0].mean() > 80
    assert clip.hands[0, 0].mean() > 100  # the left hand's square
    assert (clip.hands[:, 1] == 0).all()  # no right hand
    assert (clip.deviation[:, 0] > 0.5).all()
    assert (clip.deviation[:, 1] == 0).all()


def test_masks_lie_where_the_parts_are(clips):
    face, hands, mouth = clips[0].masks[0] / 255
    # Cells of 4 pixels; the face's middle is at (26, 19), the hand's at (26, 50), the mouth's at (26, 25).
    assert (face[5, 6], hands[5, 6], mouth[6, 6]) == (1, 0, 1)
    assert (face[12, 6], hands[12, 6], mouth[12, 6]) == (0, 1, 0)
    assert mouth.sum() < face.sum() / 4


def test_films_with_tracked_poses_are_clips_too(clips, clips_folder, preset, tmp_path):
    for suffix in (".mp4", ".wav"):
        shutil.copy(clips_folder / f"000001{suffix}", tmp_path / f"film{suffix}")
    known = read_truth(clips_folder / "000001.safetensors")
    write_track(tmp_path / "film.safetensors", VideoPoses(known.keypoints, 25.0, 64, 64), tmp_path / "film.mp4")
    (film,) = open_clips(tmp_path, preset)
    for name in ("frames", "skeletons", "keypoints", "speech", "faces", "hands", "deviation", "masks"):
        np.testing.assert_array_equal(getattr(film, name), getattr(clips[1], name))


def test_cache_is_made_once_and_again_for_a_newer_clip(clips_folder, preset, tmp_path):
    folder = tmp_path / "clips"
    shutil.copytree(clips_folder, folder, ignore=shutil.ignore_patterns(".cache*"))
    open_clips(folder, preset)
    cached = cache_folder(folder, preset) / "000000.safetensors"
    made = cached.stat().st_mtime_ns
    open_clips(folder, preset)
    assert cached.stat().st_mtime_ns == made
    (folder / "000000.safetensors").touch()
    open_clips(folder, preset)
    assert cached.stat().st_mtime_ns > made


def test_cache_depends_on_the_preset(clips_folder, preset):
    other = preset.model_copy(update={"speech": preset.speech.model_copy(update={"features": 40})})
    longer = preset.model_copy(update={"training": preset.training.model_copy(update={"steps": 9})})
    assert cache_folder(clips_folder, other) != cache_folder(clips_folder, preset)
    assert cache_folder(clips_folder, longer) == cache_folder(clips_folder, preset)


def test_folder_without_clips_is_refused(tmp_path, preset):
    with pytest.raises(InputError, match="No clips"):
        open_clips(tmp_path, preset)


def test_clip_of_another_size_is_refused(clips_folder, preset):
    wide = preset.model_copy(update={"picture": preset.picture.model_copy(update={"width": 128})})
    with pytest.raises(InputError, match="64x64 at 25 fps, the preset's video 128x64"):
        open_clips(clips_folder, wide)


def test_clip_that_is_shorter_than_its_truth_is_refused(clips_folder, preset, tmp_path):
    folder = tmp_path / "clips"
    shutil.copytree(clips_folder, folder, ignore=shutil.ignore_patterns(".cache*"))
    import soundfile

    samples, rate = soundfile.read(folder / "000000.wav")
    soundfile.write(folder / "000000.wav", samples[: len(samples) // 2], rate)
    with pytest.raises(InputError, match="14 frames, its poses 14 and its sound 7"):
        open_clips(folder, preset)


def test_latents_are_those_of_the_frames(clips, latents, autoencoder):
    pixels = torch.from_numpy(clips[1].frames[3:4]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.no_grad():
        expected = autoencoder.encode(pixels)[0].numpy()
    assert latents[1].shape == (14, 8, 16, 16)
    np.testing.assert_allclose(latents[1][3], expected, atol=2e-3)


def test_other_weights_have_other_latents(clips, clips_folder, preset, latents):
    torch.manual_seed(1)
    other = Autoencoder(preset.model.autoencoder, preset.model.backbone.latent_channels)
    again = open_latents(clips, other, cache_folder(clips_folder, preset))
    assert np.abs(again[0].astype(np.float32) - latents[0].astype(np.float32)).max() > 0.1


def test_batch_has_the_frames_it_says(clips, latents, preset):
    batch = sample_batch(clips, latents, preset.training, 2, preset.model.priors.maps, torch.Generator().manual_seed(4))
    assert batch.latents.shape == (3, 4, 8, 16, 16)
    assert batch.motion.shape == (3, 2, 8, 16, 16)
    assert batch.skeleton.shape == (3, 3, 64, 64)
    assert batch.pose.shape == (3, 1, 3, 64, 64)
    assert batch.masks.shape == (3, 4, 3, 16, 16)
    # The same chance as in the batch draws the same windows.
    random = np.random.default_rng(int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(4))))
    for row, window in enumerate(draw_window(clips, preset.training, 2, random) for _ in range(3)):
        clip, start = window.clip, window.start
        np.testing.assert_array_equal(batch.latents[row].half(), latents[clip][start : start + 4])
        np.testing.assert_array_equal(batch.keypoints[row], clips[clip].keypoints[start : start + 4])
        np.testing.assert_array_equal(batch.speech[row], clips[clip].speech[start : start + 4])
        np.testing.assert_array_equal(batch.reference[row].half(), latents[clip][window.reference])
        before = batch.motion[row].half().numpy()
        if window.has_motion:
            np.testing.assert_array_equal(before, latents[clip][start - 2 : start])
        else:
            np.testing.assert_array_equal(before, np.repeat(batch.reference[row : row + 1].half(), 2, axis=0))


def test_batch_is_a_function_of_the_generator(clips, latents, preset):
    one, same, other = (
        sample_batch(clips, latents, preset.training, 2, preset.model.priors.maps, torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    names = [field.name for field in dataclasses.fields(one)]
    assert all(torch.equal(getattr(one, name), getattr(same, name)) for name in names)
    assert not torch.equal(one.latents, other.latents)


def test_windows_at_the_beginning_have_no_motion_frames(clips, preset):
    random = np.random.default_rng(0)
    never_dropped = preset.training.model_copy(update={"drop_motion": 0.0})
    windows = [draw_window(clips, never_dropped, 2, random) for _ in range(200)]
    assert {each.start for each in windows} == set(range(11))
    assert all(each.has_motion == (each.start >= 2) for each in windows)
    assert {each.reference for each in windows} == set(range(14))
    always_dropped = preset.training.model_copy(update={"drop_motion": 1.0})
    assert not any(draw_window(clips, always_dropped, 2, random).has_motion for _ in range(50))


def test_movement_rectangle_is_enlarged(clips, latents, preset):
    def area(enlargement: float) -> float:
        training = preset.training.model_copy(update={"movement_enlargement": (enlargement, enlargement)})
        batch = sample_batch(clips, latents, training, 2, preset.model.priors.maps, torch.Generator().manual_seed(0))
        return batch.pose[0].sum().item()

    assert area(1.5) == pytest.approx(1.5**2 * area(1.0), rel=0.02)


def test_poses_drive_as_many_rows_as_the_preset_says(clips, latents, preset):
    shares = {"body_poses": 0.5, "hand_poses": 0.25, "batch": 40}
    training = preset.training.model_copy(update=shares)
    batch = sample_batch(clips, latents, training, 2, preset.model.priors.maps, torch.Generator().manual_seed(0))
    random = np.random.default_rng(int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(0))))
    windows = [draw_window(clips, training, 2, random) for _ in range(40)]
    driving = [window.driving for window in windows]
    assert batch.pose.shape == (40, 4, 3, 64, 64)
    assert 12 < driving.count("body") < 28
    assert 3 < driving.count("hands") < 18
    for window, maps in zip(windows, (batch.pose * 255).round().byte().movedim(2, -1).numpy(), strict=True):
        span = slice(window.start, window.start + 4)
        if window.driving == "body":
            np.testing.assert_array_equal(maps, clips[window.clip].skeletons[span])
        elif window.driving is None:
            assert all(np.array_equal(each, maps[0]) for each in maps)
        else:
            # Coloured fingers over the white rectangle, which moves with them.
            assert (np.ptp(maps, axis=3) > 100).any(axis=(1, 2)).all()
            assert not np.array_equal(maps[0], maps[3])
