import os

import pytest
from huggingface_hub import constants, try_to_load_from_cache

from cyberhost_cli.config.inputs import StoreConfig
from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights import catalogue, store


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Let huggingface_hub keep its files in a folder of this test."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def models(tmp_path):
    return tmp_path / "models"


def put(folder, name):
    """Make files of the right sizes, that take no room."""
    folder.mkdir(parents=True)
    for file in catalogue.find(name).files:
        (folder / file.name).touch()
        os.truncate(folder / file.name, file.size)
    return folder


@pytest.fixture
def cached(cache):
    """Put `buffalo_l`, which lies deep in its repository, into the cache of the hub."""
    entry = catalogue.find("buffalo_l")
    snapshot = cache / "models--public-data--insightface" / "snapshots" / entry.revision
    return put(snapshot / "models" / "buffalo_l", "buffalo_l")


def test_found_in_the_folder_of_models(models):
    put(models / "dwpose", "dwpose")
    assert store.locate("dwpose", models) == models / "dwpose"
    assert store.finder(StoreConfig(models=str(models), cache_megabytes=0))("dwpose") == models / "dwpose"


def test_found_in_the_cache_of_the_hub(cached, models):
    assert store.locate("buffalo_l", None) == cached
    assert store.locate("buffalo_l", models) == cached
    entry = catalogue.find("buffalo_l")
    path = "models/buffalo_l/det_10g.onnx"
    assert try_to_load_from_cache(entry.repo, path, constants.HF_HUB_CACHE, entry.revision) == str(
        cached / "det_10g.onnx"
    )


def test_the_folder_of_models_comes_first(cached, models):
    put(models / "buffalo_l", "buffalo_l")
    assert store.locate("buffalo_l", models) == models / "buffalo_l"
    (models / "buffalo_l" / "det_10g.onnx").unlink()
    assert store.locate("buffalo_l", models) == cached


def test_a_folder_of_the_users_own(tmp_path, models):
    own = tmp_path / "my-encoder"
    own.mkdir()
    assert store.locate(str(own), models) == own


def test_a_folder_that_has_the_name_of_an_entry_is_no_entry(tmp_path, monkeypatch):
    (tmp_path / "dwpose").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="the weights `dwpose` are not on this machine"):
        store.locate("dwpose", None)


def test_absent(models):
    with pytest.raises(CheckpointError) as refused:
        store.locate("buffalo_l", None)
    assert refused.value.message == "the weights `buffalo_l` are not on this machine"
    assert refused.value.hint == (
        "fetch them with `cyberhost weights fetch buffalo_l` (191 MB, non-commercial research only (InsightFace)), "
        "or put `det_10g.onnx`, `w600k_r50.onnx` into a folder `buffalo_l` within the one that `store.models` names"
    )
    with pytest.raises(CheckpointError) as refused:
        store.locate("dwpose", models)
    assert refused.value.hint == (
        f"fetch them with `cyberhost weights fetch dwpose --to {models}` (351 MB, Apache-2.0), "
        f"or put `yolox_l.onnx`, `dw-ll_ucoco_384.onnx` into `{models}/dwpose`"
    )


def test_files_without_a_checksum_are_there_when_they_are_large_enough(models):
    folder = put(models / "hallo", "hallo")
    os.truncate(folder / "net.pth", 4_850_540_707)
    assert store.locate("hallo", models) == folder
    (folder / "net.pth").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(CheckpointError, match="the weights `hallo` are not whole") as refused:
        store.locate("hallo", models)
    page = "https://huggingface.co/fudan-generative-ai/hallo/tree/main/hallo"
    assert refused.value.hint == f"put `net.pth` of `{page}` into `{models}/hallo` (4850 MB, MIT)"


def test_the_newest_revision_in_the_cache_of_the_hub(cache, models):
    repository = cache / "models--BadToBest--EchoMimicV2"
    with pytest.raises(CheckpointError, match="the weights `echomimic-v2` are not on this machine"):
        store.locate("echomimic-v2", models)
    folder = put(repository / "snapshots" / ("c" * 40), "echomimic-v2")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c" * 40)
    assert store.locate("echomimic-v2", models) == folder


def test_a_missing_file_is_named(models):
    (put(models / "dwpose", "dwpose") / "dw-ll_ucoco_384.onnx").unlink()
    with pytest.raises(CheckpointError) as refused:
        store.locate("dwpose", models)
    expected = f"the weights `dwpose` are not whole: `{models}/dwpose/dw-ll_ucoco_384.onnx` is not there"
    assert refused.value.message == expected


def test_a_file_that_is_cut_off_is_named(models):
    (put(models / "dwpose", "dwpose") / "yolox_l.onnx").write_bytes(bytes(134))
    with pytest.raises(CheckpointError, match=r"yolox_l\.onnx` has 134 bytes, expected 216746733"):
        store.locate("dwpose", models)


def test_unknown_names_are_told(models):
    with pytest.raises(CheckpointError, match="no weights named `whisper-tny`"):
        store.locate("whisper-tny", models)
