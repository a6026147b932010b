import io
import tarfile

import numpy as np
import pytest
import webdataset
from safetensors.numpy import save

from cyberhost_cli.errors import InputError
from cyberhost_cli.media import shards

ARRAYS = {
    "small": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "large": np.random.default_rng(0).random((5, 7, 2), dtype=np.float32),
    "half": np.arange(4, dtype=np.float16),
    "none": np.zeros(0, dtype=np.float32),
}
SAMPLES = {
    "talk-000": {"mp4": b"film" * 300, "safetensors": save(ARRAYS), "json": b"{}"},
    "wörter " + "x" * 150: {"mp4": b"", "safetensors": save({"one": np.ones(1, np.float32)}), "json": b"[1]"},
}


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard-000000.tar"
    shards.write_shard(path, (shards.pack(name, members) for name, members in SAMPLES.items()))
    return path


def test_members_are_found_where_they_lie(shard):
    index = shards.read_index(shard)
    assert [sample.name for sample in index] == list(SAMPLES)
    for sample in index:
        read = {suffix: shards.content(shard, member) for suffix, member in sample.members.items()}
        assert read == SAMPLES[sample.name]
        assert all(member.offset % 512 == 0 for member in sample.members.values())


def test_arrays_are_those_that_were_packed(shard):
    (sample, _) = shards.read_index(shard)
    read = shards.arrays(shard, sample.members["safetensors"].offset)
    assert read.keys() == ARRAYS.keys()
    for name, expected in ARRAYS.items():
        assert read[name].dtype == expected.dtype
        np.testing.assert_array_equal(read[name], expected)
        assert read[name].flags.aligned
    with pytest.raises(ValueError, match="read-only"):
        read["small"][0] = 1


def test_tar_reads_a_shard_from_start_to_end(shard):
    with tarfile.open(fileobj=io.BytesIO(shard.read_bytes()), mode="r|") as stream:
        read = {info.name: stream.extractfile(info).read() for info in stream}
    assert read == {f"{name}.{suffix}": each for name, members in SAMPLES.items() for suffix, each in members.items()}


def test_webdataset_reads_a_shard(shard):
    read = list(webdataset.WebDataset(str(shard), shardshuffle=False))
    assert [sample["__key__"] for sample in read] == list(SAMPLES)
    for sample, members in zip(read, SAMPLES.values(), strict=True):
        assert {suffix: sample[suffix] for suffix in members} == members


def test_a_shard_that_was_cut_off_is_refused(shard):
    whole = shard.read_bytes()
    for broken in (whole[:700], b"no shard" * 100, b""):
        shard.write_bytes(broken)
        with pytest.raises(InputError, match="damaged or not a shard"):
            shards.read_index(shard)
    with pytest.raises(InputError, match="missing"):
        shards.read_index(shard.with_name("other.tar"))
