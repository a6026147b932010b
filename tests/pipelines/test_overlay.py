import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from cyberhost_cli.errors import UsageError
from cyberhost_cli.media.bundle import Parts
from cyberhost_cli.media.marks import read_fields
from cyberhost_cli.media.picture import read_picture
from cyberhost_cli.media.video import probe, read_frames
from cyberhost_cli.pipelines import overlay
from cyberhost_cli.pipelines.prepare import prepare_reference, prepare_speech
from cyberhost_cli.pipelines.summary import clarity_half
from cyberhost_cli.preprocess.overlay import draw, film_size, ink
from cyberhost_cli.types import LEFT_HAND, Driving, Recording, VideoPoses


@pytest.fixture(scope="module")
def parts(astronaut, speech, preset):
    return Parts(prepare_reference(astronaut, preset), prepare_speech(speech, preset))


@pytest.fixture(scope="module")
def film(tmp_path_factory, parts, preset):
    path = tmp_path_factory.mktemp("overlay") / "seen.mp4"
    overlay.write(path, parts, preset)
    return path


@pytest.mark.parametrize("name", ["seen.png", "seen.WEBP", "seen.jpg"])
def test_a_picture_shows_what_was_drawn(tmp_path, parts, preset, name):
    overlay.write(tmp_path / name, parts, preset)
    read = read_picture(tmp_path / name, preset.preset.picture)
    drawn = draw(parts.reference, parts.speech, clarity_half(preset), (8, 8))
    assert read.shape[1::-1] == film_size(parts.reference)
    lost = np.abs(read.astype(int) - drawn).mean()
    assert lost == 0 if name.endswith("png") else lost < 4


def test_a_picture_needs_no_recording(tmp_path, parts, preset):
    overlay.write(tmp_path / "seen.png", Parts(parts.reference), preset)
    with Image.open(tmp_path / "seen.png") as read:
        assert read.height < film_size(parts.reference)[1]


def test_the_film_is_as_long_as_the_speech(film, parts):
    info = probe(film)
    assert (info.frames, info.fps) == (parts.speech.frames, parts.speech.fps)
    assert (info.width, info.height) == film_size(parts.reference)
    (sound,) = info.sounds
    assert sound.seconds == pytest.approx(parts.speech.frames / parts.speech.fps, abs=0.03)


def test_the_film_speaks(film, speech):
    with av.open(str(film)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    said, rate = soundfile.read(speech)
    blocks = min(len(heard) // (48_000 // 25), len(said) // (rate // 25))
    loudness = [
        np.sqrt((sound[: blocks * per].reshape(blocks, per) ** 2).mean(axis=1))
        for sound, per in ((heard, 48_000 // 25), (said, rate // 25))
    ]
    assert np.corrcoef(*loudness)[0, 1] > 0.95


def test_the_film_is_not_marked_as_generated(film):
    assert read_fields(film) is None


def test_driven_hands_move_in_the_film(tmp_path, film, parts, preset):
    points = np.repeat(parts.reference.keypoints[None], parts.speech.frames, axis=0)
    steps = np.linspace(0, 10, parts.speech.frames, dtype=np.float32)
    points[:, LEFT_HAND] = np.stack([np.linspace(4, 12, 21), np.linspace(4, 12, 21), np.ones(21)], axis=1)
    points[:, LEFT_HAND, 0] += steps[:, None]
    driven = Parts(parts.reference, parts.speech, Driving("hands", points))
    overlay.write(tmp_path / "driven.mp4", driven, preset)
    middles = []
    for chunk in read_frames(tmp_path / "driven.mp4", 40):
        pink = (np.abs(chunk[::20, 32:544, 12:524].astype(int) - ink.HANDS) < 60).all(axis=-1)
        middles += [np.nonzero(each)[1].mean() for each in pink]
    assert (np.diff(middles) > 0).all()
    still = next(read_frames(film, 1))[0, 32:544, 12:524].astype(int)
    assert (np.abs(still - ink.HANDS) < 60).all(axis=-1).sum() < 200


@pytest.mark.parametrize(
    ("name", "film", "message"),
    [("a.avi", True, "does not end in"), ("a", True, "does not end in"), ("a.mp4", False, "no recording")],
)
def test_what_cannot_be_written_is_told_at_once(tmp_path, name, film, message):
    with pytest.raises(UsageError, match=message) as told:
        overlay.check(tmp_path / name, film)
    assert told.value.hint
    for good in ("a.png", "a.JPG", "a.webp"):
        overlay.check(tmp_path / good, film)
    overlay.check(tmp_path / "a.mp4", film=True)


@pytest.fixture
def clip(tmp_path, preset):
    """Write a video of grey frames, each lighter than the one before."""
    from cyberhost_cli.media.writer import write_video

    shades = (20 + 4 * np.arange(40, dtype=np.uint8))[:, None, None, None]
    frames = np.broadcast_to(shades, (40, 96, 128, 3)).copy()
    sound = Recording(np.zeros((48_000, 1), np.float32), 48_000)
    path = tmp_path / "clip.mp4"
    write_video(path, [frames], (128, 96), 20, sound, preset.preset.output, None, overwrite=False)
    return path


def shades(path):
    return np.concatenate([chunk[:, 90, 120, 0] for chunk in read_frames(path, 16)]).astype(int)


@pytest.mark.parametrize(("fps", "frames"), [(20.0, 40), (19.98, 40), (23.976, 40), (12.5, 38)])
def test_a_track_lies_over_its_own_frames(tmp_path, clip, preset, fps, frames):
    points = np.zeros((40, 133, 3), dtype=np.float32)
    points[20:, 5:7] = (30, 40, 1), (90, 40, 1)
    out = tmp_path / "tracked.mp4"
    overlay.write_track(out, clip, VideoPoses(points, fps, 128, 96), preset.preset.output)
    info = probe(out)
    assert (info.width, info.height, info.fps, info.frames) == (128, 96, round(fps), frames)
    order = np.rint(np.arange(frames) * fps / round(fps)).clip(max=39)
    assert np.abs(shades(out) - (20 + 4 * order)).max() <= 2
    drawn = np.concatenate([chunk[:, 30:50].std(axis=(1, 2, 3)) for chunk in read_frames(out, 16)]) > 8
    assert drawn.tolist() == (order >= 20).tolist()


def test_a_track_is_a_film(tmp_path, clip, preset):
    poses = VideoPoses(np.zeros((40, 133, 3), dtype=np.float32), 20.0, 128, 96)
    with pytest.raises(UsageError, match=r"does not end in \.mp4"):
        overlay.write_track(tmp_path / "a.png", clip, poses, preset.preset.output)
