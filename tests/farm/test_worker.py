import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cyberhost_cli.farm.claims import Claims
from cyberhost_cli.farm.events import Advanced, Ended, Started, once
from cyberhost_cli.farm.maker import Maker
from cyberhost_cli.farm.results import Results
from cyberhost_cli.farm.worker import outstanding, work
from tests.farm.made import bad, good
from tests.farm.rows import record_of, row_of


class Batch:
    """Works on rows, and does what a test wants to at some of what is told."""

    def __init__(self, folder):
        self.results, self.events = Results(folder / "results.jsonl"), []
        self.then = lambda _event: None
        self.maker = Maker(0, self.tell)

    def tell(self, event):
        self.events.append(event)
        self.then(event)

    def work(self, rows, claims=None):
        work(rows, self.maker, self.results, claims, self.tell)
        return [event.record.status for event in self.events if isinstance(event, Ended)]

    def left(self, rows):
        return outstanding(rows, self.results, self.maker)


@pytest.fixture
def batch(tmp_path):
    return Batch(tmp_path)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_rows_are_made_in_order_and_the_next_one_is_prepared_meanwhile(batch, inputs, out):
    rows = [bad(inputs, out / "a.mp4"), good(inputs, out / "b.mp4", 1), good(inputs, out / "c.mp4", 2)]
    assert batch.work(rows) == ["failed", "done", "done"]
    told = [
        event.id if isinstance(event, Started) else event.record.id
        for event in batch.events
        if isinstance(event, Started | Ended)
    ]
    # Each is begun before the one before it has ended.
    assert told.index("c.mp4") < [*told].index("b.mp4", told.index("b.mp4") + 1)
    assert [event.record.id for event in batch.events if isinstance(event, Ended)] == ["a.mp4", "b.mp4", "c.mp4"]
    assert batch.results.latest() == {
        event.record.out: event.record for event in batch.events if isinstance(event, Ended)
    }
    assert batch.left(rows) == ([], 2, 1)


def test_what_is_left(batch, inputs, out, caplog):
    caplog.set_level("INFO")
    rows = [bad(inputs, out / f"{number}.mp4") for number in range(3)]
    assert batch.left(rows) == (rows, 0, 0)
    assert caplog.messages == []
    batch.work(rows[:2])
    assert batch.left(rows) == (rows[2:], 0, 2)
    batch.work(rows[2:])
    assert batch.left(rows) == ([], 0, 3)
    again = "failed before and would again, unless you mend them or add `--force`"
    assert caplog.messages == [
        f"0 of 3 rows are done, 2 {again}, 1 left",
        f"nothing to do: 0 of 3 rows are done, 3 {again}",
    ]
    mended = replace(rows[0], speech=inputs.speech)
    assert batch.left([mended, *rows[1:]]) == ([mended], 0, 2)


@pytest.mark.parametrize("kind", [Started, Advanced, Ended])
def test_an_interruption_leaves_what_can_be_gone_on_with(batch, inputs, out, kind):
    def interrupt(event):
        if isinstance(event, kind):
            batch.then = lambda _event: None
            signal.pthread_kill(main, signal.SIGINT)

    main = threading.main_thread().ident
    batch.then = interrupt
    rows = [good(inputs, out / "a.mp4"), good(inputs, out / "b.mp4", 1)]
    with pytest.raises(KeyboardInterrupt):
        batch.work(rows)
    made = {"a.mp4"} if kind is Ended else set()
    assert {path.name for path in out.iterdir()} - {"a.mp4.unfinished"} == made
    assert not (out / "b.mp4.unfinished").exists()
    assert {thread.name for thread in threading.enumerate() if thread.name.startswith("prepare")} == set()


def test_an_error_that_is_no_rows_ends_the_batch_and_leaves_nothing(batch, inputs, out):
    def fail(event):
        if isinstance(event, Started) and event.id == "b.mp4":
            raise BrokenPipeError

    batch.then = fail
    with pytest.raises(BrokenPipeError):
        batch.work([bad(inputs, out / "a.mp4"), bad(inputs, out / "b.mp4")])
    assert [path for path in out.iterdir() if path.name != "a.mp4"] == []


def test_a_row_that_cannot_be_made_where_it_shall_be_stops_no_other(batch, inputs, out, tmp_path):
    (tmp_path / "file").touch()
    rows = [good(inputs, tmp_path / "file" / "a.mp4"), bad(inputs, out / "b.mp4")]
    claims = Claims(tmp_path / "claims", batch.maker.worker, 60.0, batch.results, batch.tell)
    try:
        assert batch.work(rows, claims) == ["failed", "failed"]
    finally:
        claims.close(rows)
    assert "cannot write" in batch.results.latest()[str(rows[0].out)].error
    assert not (tmp_path / "claims").exists()


def test_what_others_made_is_told_too(batch, inputs, out, tmp_path):
    rows = [bad(inputs, out / "a.mp4"), bad(inputs, out / "b.mp4")]
    theirs = Batch(tmp_path)

    def let_others_work(_event):
        # While the first row is begun here, another worker ends the second one.
        batch.then = lambda _event: None
        other = Claims(tmp_path / "claims", "other-1", 60.0, theirs.results)
        assert theirs.work(rows[1:], other) == ["failed"]
        other.close([])

    batch.then = let_others_work
    claims = Claims(tmp_path / "claims", batch.maker.worker, 60.0, batch.results, batch.tell)
    try:
        assert batch.work(rows, claims) == ["failed", "failed"]
    finally:
        claims.close(rows)
    ended = [event.record for event in batch.events if isinstance(event, Ended)]
    assert {record.id for record in ended} == {"a.mp4", "b.mp4"}
    assert [event.id for event in batch.events if isinstance(event, Started)] == ["a.mp4"]


def test_the_end_of_a_row_is_passed_on_once():
    told = []
    tell = once(told.append)
    ends = [Ended(record_of(row_of(Path(), number), "one")) for number in (1, 2)]
    for event in (Started("1.mp4", "one"), ends[0], Started("1.mp4", "two"), ends[0], ends[1]):
        tell(event)
    assert told == [Started("1.mp4", "one"), ends[0], Started("1.mp4", "two"), ends[1]]
