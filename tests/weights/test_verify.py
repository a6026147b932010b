import os

import pytest

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights import catalogue
from cyberhost_cli.weights.catalogue import Entry, WeightsFile
from cyberhost_cli.weights.checkpoint import save_checkpoint
from cyberhost_cli.weights.digest import hash_file
from cyberhost_cli.weights.header import Lineage
from cyberhost_cli.weights.verify import subjects, verify


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tiny_model):
    path = tmp_path_factory.mktemp("checkpoint") / "model.safetensors"
    save_checkpoint(path, tiny_model, Lineage("clips", 7, "two clips", (), trained=True, licence="none"))
    return path


@pytest.fixture
def models(tmp_path, monkeypatch):
    """Return a folder of models that holds an entry of two files, one of them without a checksum."""
    folder = tmp_path / "some"
    folder.mkdir()
    for name in ("one.bin", "two.bin"):
        (folder / name).write_bytes(os.urandom(5000))
    files = (WeightsFile("one.bin", 5000, hash_file(folder / "one.bin", bytes)), WeightsFile("two.bin", 5000, None))
    monkeypatch.setattr(catalogue, "ENTRIES", (Entry("some", "for tests", "MIT", "a/b", "c" * 40, files),))
    return tmp_path


def flip(path, place):
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 1]))


def silent(done, total):
    pass


def verdicts(names, models=None):
    return {verdict.path.name: verdict.ok for verdict in verify(subjects(names, models), silent)}


def test_a_checkpoint(checkpoint):
    assert verdicts([str(checkpoint)]) == {"model.safetensors": True}
    place = checkpoint.stat().st_size - 1000
    flip(checkpoint, place)
    assert verdicts([str(checkpoint)]) == {"model.safetensors": False}
    flip(checkpoint, place)


def test_what_was_fetched(models):
    assert verdicts(["some"], models) == {"one.bin": True, "two.bin": None}
    flip(models / "some" / "one.bin", 7)
    assert verdicts(["some"], models) == {"one.bin": False, "two.bin": None}


def test_all_that_lies_here(models):
    assert verdicts([], models) == {"one.bin": True, "two.bin": None, "model.safetensors": True}


def test_what_is_not_here(models, tmp_path):
    (models / "some" / "one.bin").unlink()
    with pytest.raises(CheckpointError, match="the weights `some` are not whole"):
        subjects(["some"], models)
    with pytest.raises(CheckpointError, match="no weights at"):
        subjects([str(tmp_path / "none.safetensors")], models)


def test_progress(models, checkpoint):
    told = []
    chosen = subjects(["some", str(checkpoint)], models)
    assert len(list(verify(chosen, lambda done, total: told.append((done, total))))) == 3
    assert {total for _, total in told} == {5000 + checkpoint.stat().st_size}
    assert told[-1][0] == told[-1][1]
