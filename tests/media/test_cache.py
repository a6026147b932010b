import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cyberhost_cli.media import cache
from cyberhost_cli.media.bundle import Parts
from cyberhost_cli.media.cache import Cache
from cyberhost_cli.types import Driving


def parts(value=0.0, frames=100):
    """Return about 160 kB."""
    return Parts(driving=Driving("body", np.full((frames, 133, 3), value, np.float32)))


def value(kept):
    return None if kept is None else kept.driving.keypoints[0, 0, 0]


def test_what_was_kept_comes_back(tmp_path):
    kept = Cache(tmp_path / "new", 10)
    assert kept.read("a") is None
    kept.keep("a", parts(1))
    kept.keep("b", parts(2))
    assert (value(kept.read("a")), value(kept.read("b"))) == (1, 2)


def test_what_was_not_used_for_longest_goes(tmp_path):
    kept = Cache(tmp_path, 1)
    for number in range(6):
        kept.keep(f"{number}", parts(number))
        os.utime(tmp_path / f"{number}.safetensors", (1000 + number, 1000 + number))
    kept.read("0")
    kept.keep("6", parts(6))
    assert value(kept.read("0")) == 0
    assert kept.read("1") is None
    assert value(kept.read("6")) == 6
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10**6


def test_a_bound_of_nothing_keeps_nothing(tmp_path):
    Cache(tmp_path / "new", 0).keep("a", parts())
    assert not (tmp_path / "new").exists()
    Cache(tmp_path, 10).keep("a", parts())
    assert Cache(tmp_path, 0).read("a") is None


def test_damaged_files_are_made_anew(tmp_path):
    kept = Cache(tmp_path, 10)
    kept.keep("a", parts(1))
    path = tmp_path / "a.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert kept.read("a") is None
    kept.keep("a", parts(3))
    assert value(kept.read("a")) == 3


def test_a_folder_that_cannot_be_written_is_only_warned_of(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    Cache(tmp_path / "file", 10).keep("a", parts())
    assert "CYBERHOST_CACHE" in caplog.text


PROCESS = """
import sys, numpy as np
from pathlib import Path
from cyberhost_cli.media.bundle import Parts
from cyberhost_cli.media.cache import Cache
from cyberhost_cli.types import Driving
kept = Cache(Path(sys.argv[1]), 1)
for round in range(40):
    for number in range(5):
        found = kept.read(str(number))
        assert found is None or (found.driving.keypoints == number).all()
        kept.keep(str(number), Parts(driving=Driving("body", np.full((200, 133, 3), number, np.float32))))
"""


def test_many_processes_share_one(tmp_path):
    running = [subprocess.Popen([sys.executable, "-c", PROCESS, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert 0 < sum(file.stat().st_size for file in tmp_path.iterdir()) <= 10**6


def test_keys_differ_with_file_and_settings():
    keys = {cache.key("a", {"x": 1}), cache.key("b", {"x": 1}), cache.key("a", {"x": 2})}
    assert len(keys) == 3
    assert cache.key("a", {"x": 1, "y": 2}) == cache.key("a", {"y": 2, "x": 1})


@pytest.mark.parametrize(
    ("named", "usual", "wanted"),
    [("/n", "/u", Path("/n")), (None, "/u", Path("/u/cyberhost")), (None, None, Path("/h/.cache/cyberhost"))],
)
def test_place(monkeypatch, named, usual, wanted):
    monkeypatch.setenv("HOME", "/h")
    for variable, path in (("CYBERHOST_CACHE", named), ("XDG_CACHE_HOME", usual)):
        if path is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, path)
    assert cache.folder() == wanted
