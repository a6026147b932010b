import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from cyberhost_cli.errors import CyberHostError, InputError
from cyberhost_cli.synth import crew


def leave_a_mark(folder: Path, piece: int) -> None:
    (folder / str(piece)).write_text(str(os.getpid()))


def prepare(folder: Path) -> None:
    assert not list(folder.iterdir())
    time.sleep(0.2)
    (folder / "prepared").touch()


def break_at_two(folder: Path, piece: int) -> None:
    if piece == 2:
        raise InputError("two is too much", "take one")
    leave_a_mark(folder, piece)


def slip(_: Path, piece: int) -> None:
    raise ZeroDivisionError(f"piece {piece}")


def die(_: Path, _piece: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def work_long(folder: Path, piece: int) -> None:
    try:
        (folder / f"begun{piece}").touch()
        time.sleep(60)
    finally:
        (folder / f"left{piece}").touch()


def nothing() -> None:
    """Prepare nothing."""


def test_every_piece_is_done_once_by_several_after_one_prepared(tmp_path):
    done = list(crew.spread(partial(leave_a_mark, tmp_path), range(9), 3, partial(prepare, tmp_path)))
    assert sorted(done) == list(range(9))
    assert {path.name for path in tmp_path.iterdir()} == {*map(str, range(9)), "prepared"}
    workers = {(tmp_path / str(piece)).read_text() for piece in range(9)}
    assert 1 < len(workers) <= 3
    assert str(os.getpid()) not in workers


def test_errors_reach_the_leader(tmp_path):
    with pytest.raises(InputError, match="two is too much") as caught:
        list(crew.spread(partial(break_at_two, tmp_path), range(3), 2, nothing))
    assert caught.value.hint == "take one"
    with pytest.raises(CyberHostError, match=r"(?s)clip 000007 failed.*ZeroDivisionError: piece 7"):
        list(crew.spread(partial(slip, tmp_path), [7, 7], 2, nothing))
    with pytest.raises(CyberHostError, match="exit code -9 at clip 000004"):
        list(crew.spread(partial(die, tmp_path), [4, 4], 2, nothing))


def test_workers_clean_up_where_the_leader_stops(tmp_path):
    pieces = crew.spread(partial(work_or_mark, tmp_path), [0, 1, 1], 2, nothing)
    assert next(pieces) == 0
    while not (tmp_path / "begun1").exists():
        time.sleep(0.01)
    pieces.close()
    assert (tmp_path / "left1").exists()


def work_or_mark(folder: Path, piece: int) -> None:
    if piece:
        work_long(folder, piece)
    else:
        leave_a_mark(folder, piece)
