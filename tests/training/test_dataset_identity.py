import numpy as np
import pytest

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import InputError
from cyberhost_cli.media.truth import read_truth, write_truth
from cyberhost_cli.preprocess import faces
from cyberhost_cli.preprocess.insightface_faces import ArcfaceEmbedder, InsightFaces
from cyberhost_cli.training.dataset import open_dataset
from cyberhost_cli.types import FACE, Box, Person
from tests.preprocess import nets
from tests.training.conftest import prepare, write_clip
from tests.weights import local


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Return a folder of a detector that sees a face where it is red, and of what says all that it sees."""
    folder = tmp_path / "models" / "buffalo_l"
    folder.mkdir(parents=True)
    nets.scrfd(
        folder / "det_10g.onnx", 16, (2.0, 2.5, 2.0, 2.5), np.array([[-1, -1], [1, -1], [0, 0], [-1, 1], [1, 1]])
    )
    nets.arcface(folder / "w600k_r50.onnx")
    monkeypatch.setattr("cyberhost_cli.weights.catalogue.ENTRIES", local.entries(folder.parent))
    return folder


@pytest.fixture
def clips(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder, "film", (220, 180, 150))
    return folder


def preset(models, detector):
    settings = ["picture.width=64", "picture.height=64", "picture.face_size=16", "picture.hand_size=16"]
    settings += ["model.regions.face.identity_features=37632", "detection.embedder=arcface"]
    return load_preset("demo", [*settings, f"detection.faces={detector}", f"store.models={models.parent}"])


def open_film(clips, loaded):
    (film,) = open_dataset(prepare(clips, clips.parent / "dataset", loaded), loaded.preset).clips
    return film


def test_the_presets_detector_finds_the_face(models, clips):
    film = open_film(clips, preset(models, "insightface"))
    person = Person(film.keypoints[0], Box(0.0, 0.0, 64.0, 64.0))
    face = InsightFaces("buffalo_l", models).face_of(film.film()[0], person)
    seen = ArcfaceEmbedder("buffalo_l", models).embed(film.film()[0], face)
    np.testing.assert_array_equal(film.identity, seen)
    assert film.identity.std() > 0.1


def hide(clips, frames):
    known = read_truth(clips / "film.safetensors")
    known.keypoints[frames, FACE] = 0
    write_truth(clips / "film.safetensors", known)


def test_the_first_frame_that_shows_a_face_counts(models, clips):
    hide(clips, slice(3))
    film = open_film(clips, preset(models, "keypoints"))
    face = faces.from_keypoints(film.keypoints[3])
    np.testing.assert_array_equal(film.identity, ArcfaceEmbedder("buffalo_l", models).embed(film.film()[3], face))


def test_a_clip_without_a_face_is_refused(models, clips):
    hide(clips, slice(None))
    with pytest.raises(InputError, match=r"`film.mp4`: no frame shows a face") as raised:
        open_film(clips, preset(models, "keypoints"))
    assert raised.value.hint
