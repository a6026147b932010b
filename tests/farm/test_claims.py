import errno
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.farm import claims as module
from cyberhost_cli.farm.claims import ClaimLostError, Claims
from tests.farm.rows import record_of, row_of
from tests.farm.turns import Actor, Turns

LEASE = 1000.0


class Clock:
    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Written:
    """Results in memory."""

    def __init__(self, turn=lambda: None):
        self.records, self._turn = [], turn

    def append(self, record):
        self._turn()
        if record not in self.records:
            self.records.append(record)

    def latest(self):
        return {record.out: record for record in self.records}


def make(claim, text, pictures=False):
    """Make what a row asks for, and return its path."""
    path = claim.out()
    if pictures:
        path.mkdir(exist_ok=True)
        (path / "000001.png").write_text(text)
    else:
        path.write_text(text)
    return path


def content(path):
    return (path / "000001.png").read_text() if path.is_dir() else path.read_text()


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def workers(tmp_path):
    """Return workers of one batch, by name."""
    written, made = Written(), {}

    def of(name, lease=LEASE):
        return made.setdefault(name, Claims(tmp_path / "m.csv.claims", name, lease, written))

    of.written = written
    yield of
    for claims in made.values():
        claims.close([])


def test_a_row_is_one_workers(workers, tmp_path):
    row, other = row_of(tmp_path, 1), row_of(tmp_path, 2)
    claim = workers("a").take(row)
    assert workers("b").take(row) is None
    assert workers("b").take(other) is not None
    make(claim, "a")
    assert not row.out.exists()
    claim.commit(record_of(row, "a"))
    assert row.out.read_text() == "a"
    assert workers.written.records == [record_of(row, "a")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.mp4", "m.csv.claims"]


def test_a_released_row_is_gone_on_with(workers, tmp_path):
    row = row_of(tmp_path, 1)
    claim = workers("a").take(row)
    path = make(claim, "half")
    claim.release()
    second = workers("b").take(row)
    assert second.out() == path
    assert path.read_text() == "half"


def test_nothing_stays_of_a_released_row_that_was_not_begun(workers, tmp_path):
    row = row_of(tmp_path, 1)
    claim = workers("a").take(row)
    claim.out()
    claim.release()
    claim.release()
    workers("a").close([])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_row_ends_without_an_output(workers, tmp_path):
    row = row_of(tmp_path, 1)
    claim = workers("a").take(row)
    claim.commit(record_of(row, "a", "failed"))
    workers("a").close([row])
    assert workers.written.records == [record_of(row, "a", "failed")]
    assert list(tmp_path.iterdir()) == []


def test_a_dead_workers_row_returns_after_a_lease(workers, tmp_path, clock):
    row = row_of(tmp_path, 1)
    workers("a").take(row)
    assert workers("b").take(row) is None
    clock.now += LEASE - 1
    assert workers("b").take(row) is None
    clock.now += 1
    assert workers("b").take(row) is not None


def test_a_lease_is_that_of_whoever_has_the_row(workers, tmp_path, clock):
    row = row_of(tmp_path, 1)
    workers("a").take(row)
    assert workers("hasty", LEASE / 10).take(row) is None
    clock.now += LEASE - 1
    assert workers("hasty").take(row) is None
    clock.now += 1
    assert workers("hasty").take(row) is not None


def test_signs_of_life_keep_a_row(workers, tmp_path, clock):
    row = row_of(tmp_path, 1)
    claim = workers("a").take(row)
    for _ in range(5):
        assert workers("b").take(row) is None
        clock.now += LEASE * 0.9
        claim.check()
    claim.beat()
    clock.now += LEASE * 0.9
    assert workers("b").take(row) is None


@pytest.mark.parametrize("pictures", [False, True])
def test_a_frozen_worker_loses_its_row_and_no_frame_of_another(workers, tmp_path, clock, pictures):
    row = row_of(tmp_path, 1, "sequence" if pictures else None)
    frozen = workers("a").take(row)
    first = make(frozen, "a", pictures)
    workers("b").take(row)
    clock.now += LEASE
    claim = workers("b").take(row)
    second = make(claim, "b", pictures)
    assert first != second
    with pytest.raises(ClaimLostError, match="taken over by another worker"):
        frozen.check()
    frozen.release()
    assert not first.parent.exists()
    claim.commit(record_of(row, "b"))
    workers("b").close([row])
    assert content(row.out) == "b"
    assert [path.name for path in tmp_path.iterdir()] == [row.out.name]


def test_a_lost_row_cannot_be_committed(workers, tmp_path, clock):
    row = row_of(tmp_path, 1)
    frozen = workers("a").take(row)
    make(frozen, "a")
    workers("b").take(row)
    clock.now += LEASE
    claim = workers("b").take(row)
    make(claim, "b")
    claim.commit(record_of(row, "b"))
    with pytest.raises(ClaimLostError):
        frozen.commit(record_of(row, "a"))
    frozen.release()
    assert row.out.read_text() == "b"
    assert workers.written.records == [record_of(row, "b")]
    workers("b").close([row])
    assert [path.name for path in tmp_path.iterdir()] == ["1.mp4"]


@pytest.mark.usefixtures("clock")
def test_a_worker_that_waits_says_for_what(workers, tmp_path, caplog):
    caplog.set_level("INFO")
    rows = [row_of(tmp_path, number) for number in (1, 2)]
    claims = [workers("host-1").take(row) for row in rows]
    assert workers("b").waiting(rows)
    assert workers("b").waiting(rows)
    assert [record.message for record in caplog.records] == ["waiting for `1.mp4`, which host-1 makes, and 1 more"]
    for claim in claims:
        claim.release()
    assert not workers("b").waiting(rows)


def test_a_disk_without_links_is_told_of(workers, tmp_path, monkeypatch):
    def link(source, _):
        raise PermissionError(errno.EPERM, "Operation not permitted", str(source))

    monkeypatch.setattr("os.link", link)
    with pytest.raises(CyberHostError, match="cannot link files") as refused:
        workers("a").take(row_of(tmp_path, 1))
    assert "--shard" in refused.value.hint
    workers("a").close([])
    assert list(tmp_path.iterdir()) == []


class Batch:
    """Three workers that the test lets go on, freezes and kills, and a last one that comes when they are gone."""

    def __init__(self, folder, clock, monkeypatch, pictures=False, rows=1):
        self.folder, self.clock, self.monkeypatch, self.pictures = folder, clock, monkeypatch, pictures
        self.turns = Turns()
        self.written = Written(lambda: self.turns.turn("append", ""))
        self.rows = [row_of(folder, number, f"{number}" if pictures else None) for number in range(1, rows + 1)]
        self.made = 0

    @contextmanager
    def workers(self):
        with self.turns.taken(self.monkeypatch):
            actors = [Actor(self.turns, lambda name=name: self.work(name, 3)) for name in "abc"]
            yield actors
            while not all(actor.over for actor in actors):
                for actor in actors:
                    actor.step()
            assert [actor.error for actor in actors] == [None] * 3
        self.work("last", 20)
        self.check()

    def ended(self, row):
        return str(row.out) in self.written.latest()

    def take_over(self, actor):
        """Let a worker come to where it finds that another one is dead."""
        actor.until("scandir", "claims")
        actor.step()
        actor.until("scandir", "claims")
        self.clock.now += LEASE

    def work(self, name, passes):
        claims = Claims(self.folder / "claims", name, LEASE, self.written)
        try:
            for _ in range(passes):
                for row in self.rows:
                    if not self.ended(row):
                        self.try_row(claims, row, name)
                if all(map(self.ended, self.rows)):
                    break
                if name == "last":
                    claims.waiting(self.rows)
                    self.clock.now += LEASE
        finally:
            claims.close([row for row in self.rows if self.ended(row)])

    def try_row(self, claims, row, name):
        claim = claims.take(row)
        if claim is None:
            return
        try:
            if not self.ended(row):
                self.made += 1
                text = f"{name} {self.made}"
                make(claim, text, self.pictures)
                claim.beat()
                claim.check()
                claim.commit(record_of(row, name, sha256=text))
        except ClaimLostError:
            pass
        finally:
            claim.release()

    def check(self):
        assert sorted(record.out for record in self.written.records) == sorted(str(row.out) for row in self.rows)
        for record in self.written.records:
            assert content(Path(record.out)) == record.sha256
        assert sorted(path.name for path in self.folder.iterdir()) == sorted(row.out.name for row in self.rows)


@pytest.fixture
def batch(tmp_path, clock, monkeypatch):
    return Batch(tmp_path, clock, monkeypatch)


def test_a_commit_counts_that_comes_just_before_a_take_over(batch):
    with batch.workers() as (slow, other, _):
        slow.until("link", ".commit")
        batch.take_over(other)
        other.until("unlink", "claims")
        slow.step()
        slow.kill()


def test_who_wakes_up_leaves_what_another_one_committed(batch):
    with batch.workers() as (frozen, other, _):
        frozen.until("mkdir", "claimed-1")
        batch.take_over(other)
        other.until("replace", "whole")
        other.kill()
        frozen.end()


def test_who_wakes_up_after_the_row_was_done_commits_nothing(batch):
    with batch.workers() as (frozen, other, _):
        frozen.until("pwrite", "record")
        batch.take_over(other)
        other.end()
        assert batch.written.latest()
        frozen.end()


def test_a_worker_that_was_frozen_while_it_took_over_finds_the_row_done(batch):
    with batch.workers() as (dead, frozen, other):
        dead.until("mkdir", "claimed-1")
        dead.kill()
        batch.take_over(frozen)
        frozen.until("link", "claims")
        batch.take_over(other)
        other.end()
        frozen.end()


def test_who_wakes_up_takes_no_row_from_a_newer_claim(batch):
    with batch.workers() as (dead, frozen, other):
        dead.until("mkdir", "claimed-1")
        dead.kill()
        batch.take_over(frozen)
        frozen.until("link", "claims")
        batch.take_over(other)
        other.until("mkdir", "claimed-1")
        frozen.end()
        other.end()
        assert [record.worker for record in batch.written.records] == ["c"]


@pytest.mark.parametrize("step", ["replace", "append", "scandir", "unlink"])
def test_what_a_worker_was_frozen_at_after_its_commit_others_finish_once(batch, step):
    with batch.workers() as (frozen, other, _):
        frozen.until("link", ".commit")
        frozen.step()
        frozen.until(step, "")
        batch.take_over(other)
        other.end()
        assert [record.worker for record in batch.written.records] == ["a"]
        frozen.end()


ROUNDS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 14)), max_size=40)
"""Who goes on, and for how many steps; 3: a lease goes by; 4 and 5: somebody is killed."""


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=ROUNDS, pictures=st.booleans(), rows=st.integers(1, 2))
def test_every_row_ends_once_however_workers_are_interleaved(monkeypatch, clock, rounds, pictures, rows):
    with tempfile.TemporaryDirectory() as name:
        batch = Batch(Path(name), clock, monkeypatch, pictures, rows)
        with batch.workers() as actors:
            for who, steps in rounds:
                if who == 3:
                    clock.now += LEASE
                elif who > 3:
                    actors[steps % 3].kill()
                else:
                    for _ in range(steps):
                        actors[who].step()
