from pathlib import Path

import numpy as np
import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import InputError
from cyberhost_cli.evaluation.metrics.video import Video
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.types import FACE, KEYPOINTS
from tests.evaluation.metrics.drawn import film, views
from tests.evaluation.metrics.talking import RATE, film_with_sound

ACTOR = Path(__file__).parent.parent.parent / "assets" / "actor.mp4"


@pytest.fixture(scope="module")
def actor(tiny):
    return Video(ACTOR, tiny)


def test_frames_come_as_they_were_written(tmp_path, tiny):
    written = views(7)
    video = Video(film(tmp_path / "film.mkv", written), tiny)
    assert (video.fps, video.frames_count, video.size) == (25, 7, (96, 96))
    for _ in range(2):
        np.testing.assert_array_equal(list(video.frames()), written)
    chunks = list(video.chunks(3))
    assert [len(chunk) for chunk in chunks] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(chunks), written)


def test_frames_at_another_rate(tmp_path, tiny):
    written = views(20)
    shown = list(Video(film(tmp_path / "film.mkv", written, fps=50), tiny).frames(25))
    assert len(shown) in {10, 11}
    places = [next(place for place, frame in enumerate(written) if np.array_equal(frame, each)) for each in shown]
    assert places[0] == 0
    assert all(1 <= step <= 3 for step in np.diff(places))


def test_sound_lasts_as_long_as_the_frames(actor):
    sound = actor.sound(16000)
    assert sound.dtype == np.float32
    assert len(sound) == actor.frames_count * 16000 // 25
    assert 0.01 < np.abs(sound).max() <= 1


def test_no_sound(tmp_path, tiny):
    with pytest.raises(InputError, match="holds no sound"):
        Video(film(tmp_path / "film.mkv", views(3)), tiny).sound(16000)


def test_poses_are_tracked_once(tmp_path):
    shown = list(Video(ACTOR, load_preset("demo")).frames())[:3]
    video = Video(film(tmp_path / "film.mkv", shown), load_preset("demo", ["tracking.workers=1"]))
    assert video.poses.keypoints.shape == (3, KEYPOINTS, 3)
    assert video.poses.keypoints[:, FACE, 2].all()
    assert video.poses is video.poses


def test_digest_is_that_of_the_content(tmp_path, tiny):
    one, same, other = (tmp_path / name for name in ("one.mkv", "same.mkv", "other.mkv"))
    film(one, views(3))
    same.write_bytes(one.read_bytes())
    film(other, views(4))
    digests = [Video(path, tiny).digest for path in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_glimpses_are_what_is_detected_at_a_few_moments(tmp_path):
    preset = load_preset("demo", ["tracking.workers=1"])
    path = film(tmp_path / "clip.mkv", list(next(read_frames(ACTOR, 12))))
    alone, tracked = Video(path, preset), Video(path, preset)
    assert tracked.poses.keypoints.shape[0] == 12
    assert alone.glimpses.keypoints.shape[0] == 2
    # The same whether or not all frames were looked at before.
    np.testing.assert_array_equal(alone.glimpses.keypoints, tracked.glimpses.keypoints)
    assert alone.glimpses.fps == 2.5


def test_another_sound_can_be_heard(tmp_path):
    frames = views(5)
    loud, quiet = (
        film_with_sound(tmp_path / f"{level}.mkv", frames, np.full(RATE // 5, level, np.float32)) for level in (0.5, 0)
    )
    assert Video(quiet, load_preset("demo")).sound(RATE).max() == 0
    assert Video(quiet, load_preset("demo"), heard=loud).sound(RATE).max() > 0.4
