import re

import pytest

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.weights import catalogue


@pytest.mark.parametrize("entry", catalogue.ENTRIES, ids=lambda entry: entry.name)
def test_entries_are_pinned(entry):
    assert re.fullmatch("[0-9a-f]{40}", entry.revision)
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 0 for file in entry.files)
    assert len({file.name for file in entry.files}) == len(entry.files)
    assert catalogue.find(entry.name) is entry


def test_checksums_differ():
    checksums = [file.sha256 for entry in catalogue.ENTRIES for file in entry.files]
    assert len(set(checksums)) == len(checksums)


def test_research_only_is_said():
    assert "non-commercial research only" in catalogue.find("buffalo_l").licence


def test_the_nearest_name_is_told():
    with pytest.raises(CheckpointError, match="no weights named `dwpsoe`") as refused:
        catalogue.find("dwpsoe")
    assert refused.value.hint == "did you mean `dwpose`?"


def test_all_names_are_told_when_none_is_near():
    with pytest.raises(CheckpointError) as refused:
        catalogue.find("xyz")
    assert refused.value.hint == "there are `dwpose`, `buffalo_l`, `wav2vec2-base-960h`, `whisper-tiny`"
