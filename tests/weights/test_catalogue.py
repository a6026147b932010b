import re

import pytest

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights import catalogue


@pytest.mark.parametrize("entry", catalogue.ENTRIES, ids=lambda entry: entry.name)
def test_entries_are_pinned(entry):
    assert entry.revision is None or re.fullmatch("[0-9a-f]{40}", entry.revision)
    assert not entry.fetchable or all(re.fullmatch("[0-9a-f]{64}", file.sha256) for file in entry.files)
    assert all(file.size > 0 for file in entry.files)
    assert len({file.name for file in entry.files}) == len(entry.files)
    assert catalogue.find(entry.name) is entry


def test_checksums_differ():
    files = [file for entry in catalogue.ENTRIES for file in entry.files if file.sha256]
    same = {file.name for file in files if sum(other.sha256 == file.sha256 for other in files) > 1}
    # InsightFace publishes one detector under two names.
    assert same == {"det_10g.onnx", "scrfd_10g_bnkps.onnx"}


def test_only_these_cannot_be_fetched():
    lacking = [entry.name for entry in catalogue.ENTRIES if not entry.fetchable]
    assert lacking == ["echomimic-v2-fast", "hallo", "animate-anyone"]


def test_pages():
    assert catalogue.find("hallo").page == "https://huggingface.co/fudan-generative-ai/hallo/tree/main/hallo"
    revision = catalogue.find("sd-vae-ft-mse").revision
    assert catalogue.find("sd-vae-ft-mse").page == f"https://huggingface.co/stabilityai/sd-vae-ft-mse/tree/{revision}"


def test_research_only_is_said():
    assert "non-commercial research only" in catalogue.find("buffalo_l").licence


def test_the_nearest_name_is_told():
    with pytest.raises(CheckpointError, match="no weights named `dwpsoe`") as refused:
        catalogue.find("dwpsoe")
    assert refused.value.hint == "did you mean `dwpose`?"


def test_all_names_are_told_when_none_is_near():
    with pytest.raises(CheckpointError) as refused:
        catalogue.find("xyz")
    assert refused.value.hint == f"there are {', '.join(f'`{entry.name}`' for entry in catalogue.ENTRIES)}"
