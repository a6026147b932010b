from pathlib import Path

import pytest

from cyberhost_cli.errors import CyberHostError, UsageError
from cyberhost_cli.media.atomic import atomic_file, atomic_folder


def test_file_takes_the_place_of_the_old_one_only_when_whole(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with atomic_file(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_interrupted_file_leaves_the_old_one(tmp_path, interruption):
    target = tmp_path / "out.txt"
    target.write_text("old")

    def write():
        with atomic_file(target) as temporary:
            temporary.write_text("half")
            raise interruption

    with pytest.raises(interruption):
        write()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_folder_takes_the_place_of_the_old_one_and_all_in_it(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "1.png").write_text("old")
    with atomic_folder(target) as temporary:
        (temporary / "2.png").write_text("new")
    assert [path.name for path in target.iterdir()] == ["2.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_interrupted_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "1.png").write_text("old")

    def write():
        with atomic_folder(target) as temporary:
            (temporary / "2.png").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [path.name for path in target.iterdir()] == ["1.png"]
    assert list(tmp_path.iterdir()) == [target]


def test_links_are_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.txt").symlink_to(tmp_path / "elsewhere" / "out.txt")
    with atomic_file(tmp_path / "link.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "elsewhere" / "out.txt").read_text() == "new"


def test_device_is_not_replaced():
    with pytest.raises(UsageError, match="`/dev/null` is not a file"), atomic_file(Path("/dev/null")):
        pytest.fail("the block was entered")


def test_missing_folder_is_told(tmp_path):
    target = tmp_path / "nowhere" / "out.txt"
    with (
        pytest.raises(CyberHostError, match=r"cannot write `.*out.txt`: No such file") as told,
        atomic_file(target) as temporary,
    ):
        temporary.write_text("new")
    assert told.value.hint


def test_error_of_the_content_is_passed_on(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "out.txt") as temporary:
        temporary.write_text((tmp_path / "missing input").read_text())
    assert not list(tmp_path.iterdir())


def test_full_disk_is_told_and_nothing_left(tiny_disk):
    with pytest.raises(CyberHostError, match="no space left") as told, atomic_file(tiny_disk / "out") as temporary:
        temporary.write_bytes(bytes(100_000))
    assert "free some space" in told.value.hint
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]
