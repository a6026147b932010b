import subprocess
import sys

import numpy as np
import pytest
import skimage.data
from PIL import Image

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import InputError
from cyberhost_cli.media.bundle import Parts, read_bundle, write_bundle
from cyberhost_cli.pipelines.prepare import prepare_reference, prepare_speech
from tests.conftest import TINY


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    """An empty cache."""
    monkeypatch.setenv("CYBERHOST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_same(one, other):
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(other, name), strict=True)
        else:
            assert value == getattr(other, name)


WITHOUT_DETECTOR = """
import sys
from pathlib import Path
sys.modules["mediapipe.python.solutions"] = None
from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.pipelines.prepare import prepare_reference
try:
    prepare_reference(Path(sys.argv[1]), load_preset("demo", sys.argv[2:]))
    print("prepared")
except CyberHostError as error:
    print(error.message)
"""


def without_detector(picture, *overrides):
    command = [sys.executable, "-c", WITHOUT_DETECTOR, str(picture), *overrides]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_picture_that_was_prepared_once_needs_no_detector(astronaut, kept):
    loaded = load_preset("demo", TINY)
    assert "not installed" in without_detector(astronaut, *TINY)
    first = prepare_reference(astronaut, loaded)
    assert without_detector(astronaut, *TINY) == "prepared"
    assert_same(prepare_reference(astronaut, loaded), first)
    assert "not installed" in without_detector(astronaut, *TINY, "conditions.movement=0.5")
    assert "not installed" in without_detector(astronaut, *TINY, "picture.person=centred")
    assert len(list((kept / "references").iterdir())) == 1


def test_the_cache_can_be_switched_off(astronaut, kept):
    prepare_reference(astronaut, load_preset("demo", [*TINY, "store.cache_megabytes=0"]))
    assert not kept.exists()


def test_warnings_are_told_again_by_the_cache(tmp_path, caplog):
    pair = np.concatenate([skimage.data.astronaut()[:, 40:400], skimage.data.astronaut()[:, 40:400]], axis=1)
    Image.fromarray(pair).save(tmp_path / "pair.png")
    loaded = load_preset("demo", TINY)
    prepare_reference(tmp_path / "pair.png", loaded)
    told = [record.getMessage() for record in caplog.records]
    assert any("2 people" in line for line in told)
    caplog.clear()
    prepare_reference(tmp_path / "pair.png", loaded)
    assert sorted(record.getMessage() for record in caplog.records) == sorted(told)


def test_figures_that_do_not_fit_are_errors_in_a_strict_preset(tmp_path, caplog):
    small = Image.fromarray(skimage.data.astronaut()).resize((100, 100))
    small.save(tmp_path / "small.png")
    prepare_reference(tmp_path / "small.png", load_preset("demo", TINY))
    assert "face.height" in caplog.text
    for _ in range(2):  # found, then from the cache
        with pytest.raises(InputError, match=r"`face\.height`"):
            prepare_reference(tmp_path / "small.png", load_preset("demo", [*TINY, "preflight.strict=true"]))


def test_what_was_prepared_comes_back_from_a_bundle(tmp_path, astronaut, speech):
    loaded = load_preset("demo", TINY)
    person, spoken = prepare_reference(astronaut, loaded), prepare_speech(speech, loaded)
    assert person.identity.shape == (0,)
    assert person.figures
    assert spoken.figures
    assert spoken.activity[20:60].mean() > 0.8 > spoken.activity[:3].mean()
    write_bundle(tmp_path / "a", Parts(person, spoken), "demo")
    again = read_bundle(tmp_path / "a")
    assert_same(again.reference, person)
    assert again.speech.figures == spoken.figures
    np.testing.assert_array_equal(again.speech.activity, spoken.activity)
