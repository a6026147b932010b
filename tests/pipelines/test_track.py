import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
import skimage.data
from PIL import Image

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CheckpointError, InputError
from cyberhost_cli.media.pieces import TRACKS
from cyberhost_cli.media.track import read_track, write_track
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.pipelines.track import track_video
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import BODY, FACE

SIDE, FPS = 256, 25
NOSE = 0


def film(path, pictures):
    """Write pictures as they come, nearly lossless."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "8"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def views(frames, step=2):
    """Return a view of the astronaut that moves to the right by `step` pixels a frame."""
    picture = Image.fromarray(skimage.data.astronaut()).resize((320, 320))
    pixels = np.array(picture.crop((0, 0, 320, SIDE)))
    return [np.ascontiguousarray(pixels[:, step * number % 65 :][:, :SIDE]) for number in range(frames)]


@pytest.fixture(scope="module")
def panned(tmp_path_factory):
    return film(tmp_path_factory.mktemp("videos") / "panned.mp4", views(21))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Name a cache of the test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CYBERHOST_CACHE", str(folder))
    return folder


def preset(*overrides):
    return load_preset("demo", ["tracking.workers=1", "tracking.piece_frames=4", *overrides])


@pytest.fixture(scope="module")
def poses(panned):
    return track_video(panned, preset(), silent)


def test_the_person_is_found_where_the_view_shows_them(poses):
    assert (poses.fps, poses.width, poses.height) == (FPS, SIDE, SIDE)
    assert poses.keypoints.shape == (21, 133, 3)
    assert poses.keypoints[:, FACE, 2].all()
    moved = poses.keypoints[0, FACE, 0].mean() - poses.keypoints[:, FACE, 0].mean(axis=1)
    assert moved == pytest.approx(2 * np.arange(21), abs=1.5)


def test_points_that_are_unsure_or_outside_are_not_known(poses):
    known = poses.keypoints[poses.keypoints[:, :, 2] > 0]
    assert (known[:, :2] >= -1).all()
    assert (known[:, :2] <= SIDE + 1).all()
    assert not poses.keypoints[:, BODY][:, 15:, 2].any()  # ankles


@pytest.mark.usefixtures("cache")
def test_the_number_of_processes_does_not_matter(panned, poses):
    heard = []
    again = track_video(panned, preset("tracking.workers=2"), lambda done, total: heard.append((done, total)))
    np.testing.assert_array_equal(again.keypoints, poses.keypoints)
    assert heard[0] == (0, 21)
    assert heard[-1] == (21, 21)


def test_a_killed_run_goes_on_and_comes_to_the_same(tmp_path, cache):
    video, out = film(tmp_path / "long.mp4", views(40, step=1)), tmp_path / "out.safetensors"
    settings = ["--set", "tracking.workers=2", "--set", "tracking.piece_frames=4"]
    command = [sys.executable, "-m", "cyberhost_cli", "track", str(video), "-o", str(out), "--json", *settings]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    while len(pieces := sorted(cache.glob(f"{TRACKS}/*/0*.safetensors"))) < 2:
        assert run.poll() is None, "ended before it could be killed"
        time.sleep(0.01)
    workers = psutil.Process(run.pid).children(recursive=True)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    assert not out.exists()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    first, *_, last = map(json.loads, done.stdout.splitlines())
    assert first["total"] == 40
    assert first["done"] >= 4 * len(pieces)
    assert (last["frames"], last["seen"]["face"]) == (40, 1.0)
    write_track(tmp_path / "whole.safetensors", track_video(video, preset(), silent), video)
    assert out.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert read_track(out).fps == FPS


def stopped(panned, loaded, frames):
    """Track until so many frames are done."""

    def stop(done, _total):
        if done >= frames:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        track_video(panned, loaded, stop)


def test_finished_pieces_are_not_looked_at_again_and_a_damaged_one_is(panned, poses, cache):
    stopped(panned, preset(), 12)
    pieces = sorted(cache.glob(f"{TRACKS}/*/*"))
    assert [piece.name for piece in pieces] == [f"{number:06}.safetensors" for number in range(3)]
    os.truncate(pieces[1], 100)
    heard = []
    again = track_video(panned, preset(), lambda done, total: heard.append((done, total)))
    assert heard[0] == (4, 21)
    np.testing.assert_array_equal(again.keypoints, poses.keypoints)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("frames", [4, 7])
def test_a_video_that_was_done_is_not_looked_at_again(panned, poses, frames):
    loaded = preset(f"tracking.piece_frames={frames}")  # 21 frames: with 7 the last piece is empty
    heard = []
    first = track_video(panned, loaded, silent)
    again = track_video(panned, loaded, lambda done, total: heard.append((done, total)))
    assert heard == [(21, 21)]
    np.testing.assert_array_equal(again.keypoints, first.keypoints)
    np.testing.assert_array_equal(again.keypoints, poses.keypoints)


def test_what_was_not_used_for_longest_goes_when_there_is_too_much(panned, cache):
    stopped(panned, preset(), 8)
    (folder,) = (cache / TRACKS).iterdir()
    old, new = folder.rename(folder.with_name("old")), folder.with_name("new")
    new.mkdir()
    (old / "large").write_bytes(bytes(999_999))
    os.utime(old, (1000, 1000))
    track_video(panned, preset(), silent)
    assert old.exists()
    shutil.rmtree(folder)
    track_video(panned, preset("store.cache_megabytes=1"), silent)
    assert sorted((cache / TRACKS).iterdir()) == sorted([folder, new])


def test_nothing_is_kept_where_the_cache_is_switched_off(panned, cache):
    stopped(panned, preset("store.cache_megabytes=0"), 12)
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_to_is_told_once(panned, poses, cache, caplog):
    cache.write_bytes(b"a file")
    again = track_video(panned, preset(), silent)
    np.testing.assert_array_equal(again.keypoints, poses.keypoints)
    assert [record.message.partition(":")[0] for record in caplog.records] == ["a run that is stopped will start anew"]


def test_of_two_people_the_wished_one_is_followed(tmp_path):
    small = Image.fromarray(skimage.data.astronaut()).resize((200, 200))
    pictures = [np.full((220, 440, 3), 128, np.uint8) for _ in range(6)]
    for number, picture in enumerate(pictures):
        picture[10:210, 5 + number : 205 + number] = small
        picture[10:210, 235 - number : 435 - number] = small
    video = film(tmp_path / "two.mp4", pictures)
    for person, start, step in ((0, 5, 1), (1, 235, -1)):
        found = track_video(video, preset(f"picture.person={person}"), silent).keypoints
        faces = [regions.extent(keypoints[FACE]).centre[0] for keypoints in found]
        # The face is 87 pixels from the left of the photograph at this size.
        assert faces == pytest.approx(start + 87 + step * np.arange(6), abs=3)


def test_a_short_loss_is_filled_and_what_nobody_showed_is_not(tmp_path):
    pictures = views(16, step=0)
    for number in (0, 1, 8, 9):
        pictures[number] = np.full_like(pictures[0], 90)
    keypoints = track_video(film(tmp_path / "lost.mp4", pictures), preset(), silent).keypoints
    known = keypoints[:, FACE, 2].mean(axis=1)
    assert known[:2] == pytest.approx(0)
    assert known[8:10] == pytest.approx(0.5)
    assert np.delete(known, [0, 1, 8, 9]) == pytest.approx(1)
    assert np.ptp(keypoints[2:, NOSE, :2], axis=0).max() < 2


def test_bad_videos_are_refused(tmp_path):
    empty = film(tmp_path / "empty.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 3)
    with pytest.raises(InputError, match="no person found in the video"):
        track_video(empty, preset(), silent)
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    with pytest.raises(InputError, match="damaged or not a video"):
        track_video(text, preset(), silent)
    with pytest.raises(InputError, match="cannot read the video"):
        track_video(tmp_path / "missing.mp4", preset(), silent)
    with pytest.raises(InputError, match="no pictures"):
        track_video(Path(__file__).parents[1] / "assets" / "librivox.flac", preset(), silent)


def test_what_another_process_misses_is_told_as_it_is(panned, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="the weights `dwpose` are not on this machine"):
        track_video(panned, preset("tracking.workers=2", "detection.detector=dwpose"), silent)
