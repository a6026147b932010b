import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CheckpointError, InputError, UsageError
from cyberhost_cli.evaluation.clips import Clip
from cyberhost_cli.evaluation.kept import FIGURES
from cyberhost_cli.evaluation.metrics import registry
from cyberhost_cli.evaluation.metrics.metric import About
from cyberhost_cli.evaluation.survey import survey
from cyberhost_cli.media import cache
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.weights import catalogue
from tests.evaluation.metrics.drawn import blurred, film, views
from tests.evaluation.metrics.talking import RATE, film_with_sound

ASSETS = Path(__file__).parents[1] / "assets"
PIXELS = ("psnr", "ssim")


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """An empty cache for each test; the folder of figures in it."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / FIGURES


@pytest.fixture(scope="module")
def preset():
    return load_preset("demo")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three clips, each more blurred than the one before, with their real videos."""
    folder = tmp_path_factory.mktemp("clips")
    found = []
    for number in range(3):
        real = views(3, side=32, start=100)
        paths = [folder / f"{number}-{kind}.mkv" for kind in ("made", "real")]
        film(paths[0], blurred(real, 2 * number + 1))
        film(paths[1], real)
        found.append(Clip(str(number), *paths))
    return found


def run(clips, preset, asked=PIXELS, controls=False, workers=1, progress=silent):
    return survey(clips, asked, controls, preset, workers, progress)


def test_figures_are_means_over_clips(clips, preset):
    told = []
    outcome = run(clips, preset, progress=lambda *each: told.append(each))
    values = outcome.values("psnr")
    assert values == sorted(values, reverse=True)
    psnr, ssim = outcome.lines
    assert (psnr.figure, psnr.better, psnr.clips, psnr.value) == ("psnr", "higher", 3, pytest.approx(np.mean(values)))
    assert psnr.spread == pytest.approx(np.std(values, ddof=1))
    assert (psnr.real, psnr.other_sound) == (None, None)
    assert 0.5 < ssim.value < 1
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_one_more_clip_is_the_only_one_that_is_measured(clips, preset, kept):
    run(clips[:2], preset)
    assert len(list(kept.iterdir())) == 4
    for file in kept.iterdir():
        file.write_text(json.dumps(dict.fromkeys(json.loads(file.read_text()), 42)))
    told = []
    outcome = run(clips, preset, progress=lambda *each: told.append(each))
    assert told == [(2, 3), (3, 3)]
    *before, new = outcome.values("psnr")
    assert before == [42, 42]
    assert 20 < new < 42
    # The same content elsewhere is the same; against another video it is not.
    copy = shutil.copy(clips[0].generated, kept.parent / "copy.mkv")
    assert run([Clip("copy", copy, clips[0].real)], preset).values("ssim") == [42]
    assert run([Clip("copy", copy, clips[1].real)], preset).values("ssim") != [42]


def test_processes_measure_the_same(clips, preset, kept):
    alone = run(clips, preset)
    shutil.rmtree(kept)
    assert run(clips, preset, workers=2) == alone


def test_a_preset_counts_where_it_matters(clips, preset, kept):
    run(clips[:1], preset)
    other = load_preset("demo", ["detection.min_confidence=0.5", "tracking.workers=1"])
    run(clips[:1], other)
    assert len(list(kept.iterdir())) == 2


def test_what_cannot_be_measured_stops_nothing(clips, preset, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    slow = film(tmp_path / "slow.mkv", views(3, side=32), fps=12)
    bad = [
        Clip("broken", tmp_path / "broken.mp4", clips[0].real),
        Clip("gone", tmp_path / "gone.mp4", clips[0].real),
        Clip("alone", clips[0].generated),
        Clip("slow", slow, clips[0].real),
        Clip("real gone", clips[0].generated, tmp_path / "gone.mp4"),
    ]
    outcome = run([*clips, *bad], preset)
    assert [line.clips for line in outcome.lines] == [3, 3]
    assert outcome.values("psnr")[3:] == [None] * 5
    faults = outcome.faults
    assert list(faults) == ["broken", "gone", "alone", "slow", "real gone"]
    messages = [next(iter(told)) for told in faults.values()]
    parts = ["damaged or not a video", "cannot read", "with no real video", "frames a second", "cannot read"]
    assert all(part in message for part, message in zip(parts, messages, strict=True))
    assert list(faults["slow"].values()) == [PIXELS]


def test_what_lacks_is_told_unless_it_was_asked_for(clips, preset):
    outcome = run(clips[:1], preset, asked=None)
    assert {"lpips", "csim", "fid", "fvd"} <= outcome.unmeasured.keys()
    assert "cyberhost weights fetch alexnet" in outcome.unmeasured["lpips"].hint
    assert "--pictures" in outcome.unmeasured["csim"].hint
    assert {line.metric for line in outcome.lines} >= {"psnr", "ssim"}
    with pytest.raises(CheckpointError, match="`alexnet` are not on this machine"):
        run(clips, preset, asked=["psnr", "lpips"])
    with pytest.raises(UsageError, match="`psnr` cannot be measured: there is no real video"):
        run([Clip("alone", clips[0].generated)], preset)
    with pytest.raises(UsageError, match="no metric `pnsr`"):
        run(clips, preset, asked=["pnsr"])
    with pytest.raises(InputError, match=r"`beat` could be measured of no clip: .* holds no sound"):
        run(clips[:1], preset, asked=["beat"])


class Colour:
    """Features are colours, the figure how far the means are apart."""

    about = About(figures={"colour": "lower"}, needs=frozenset({"real"}), source="a test", computed_by="numpy")

    def __init__(self, _preset, _find, _device):
        pass

    def features(self, video):
        if video.frames_count < 2:
            raise InputError("too short", "give more")
        return np.stack([frame.mean((0, 1)) for frame in video.frames()]).astype(np.float32)

    def compare(self, generated, real):
        return {"colour": float(np.abs(generated.mean(0) - real.mean(0)).max())}


@pytest.fixture
def colour(monkeypatch):
    monkeypatch.setitem(registry.SET_METRICS, "colour", Colour)
    monkeypatch.setitem(registry.METRICS, "colour", Colour)


@pytest.mark.usefixtures("colour")
def test_sets_are_compared_as_a_whole(preset, tmp_path):
    levels = {"a": (10, 12), "b": (20, 26)}
    clips = []
    for name, both in levels.items():
        frames = [[np.full((32, 32, 3), level, np.uint8)] * 4 for level in both]
        paths = [film(tmp_path / f"{name}{place}.mkv", each) for place, each in enumerate(frames)]
        clips.append(Clip(name, *paths))
    short = film(tmp_path / "short.mkv", views(1, side=32))
    for _ in range(2):  # the second time from what is kept
        outcome = run([*clips, Clip("short", short, short)], preset, asked=["colour"])
        (line,) = outcome.lines
        assert (line.figure, line.value, line.clips, line.spread) == ("colour", pytest.approx(4), 2, None)
        assert outcome.faults == {"short": {"too short": ("colour",)}}


@pytest.mark.usefixtures("colour")
def test_other_weights_measure_anew(clips, tmp_path, monkeypatch):
    (weights,) = catalogue.find("i3d-fvd").files
    path = tmp_path / "i3d-fvd" / weights.name
    path.parent.mkdir()
    preset = load_preset("demo", [f"store.models={tmp_path}"])
    monkeypatch.setattr(Colour, "about", replace(Colour.about, weights="i3d-fvd"))
    measured = []
    monkeypatch.setattr(Colour, "features", lambda _self, video: measured.append(video) or np.ones((2, 3), np.float32))
    for content, times in ((b"one", 2), (b"one", 2), (b"two", 4)):
        with path.open("wb") as file:
            file.write(content)
            file.truncate(weights.size)
        run(clips[:1], preset, asked=["colour"])
        assert len(measured) == times


def test_controls(preset, tmp_path):
    """The real video and another sound, of somebody whose hands are seen."""
    clips = []
    random = np.random.default_rng(0)
    for number, beats in enumerate((4000, 7000)):
        samples = np.zeros(RATE * 12 // 25, np.float32)
        samples[beats : beats + 1500] = random.normal(scale=0.2, size=len(samples[beats : beats + 1500]))
        frames = next(read_frames(ASSETS / "actor.mp4", 12))
        path = film_with_sound(tmp_path / f"{number}.mkv", list(frames), samples)
        clips.append(Clip(str(number), path, path))
    outcome = run(clips, preset, asked=["hkc", "beat"], controls=True)
    hkc, _, chance = outcome.lines
    assert hkc.real == hkc.value > 0
    assert hkc.other_sound is None
    ours, others = (outcome.values("beat_chance", view) for view in ("generated", "other sound"))
    # Each with the sound of the other.
    assert others == ours[::-1]
    assert chance.real == chance.value
