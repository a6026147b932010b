"""Claims: which worker makes which row, agreed on by any number of workers that share a folder.

Whoever makes the next generation of a row's claim has the row, and lets others see that it is alive. Others call a
claim dead that did not change for the lease that stands in it, by their own clock, and take the row over. Who was
merely frozen finds its claim gone when it wakes up. A video is made in a place of its own, and counts once its claim is
committed: the disk does that for one claim at most, and never for one that is gone. What a dead worker did not come to
after that, others finish.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cyberhost_cli.farm.claim_files import ClaimFile, ClaimFiles, State, committed, generation, read
from cyberhost_cli.farm.events import Ended, Event, Tell
from cyberhost_cli.farm.record import Record
from cyberhost_cli.farm.row import Row
from cyberhost_cli.farm.slots import Slot, free_slot, put_for_dead, remove_slots
from cyberhost_cli.media.atomic import explained

logger = logging.getLogger(__name__)

LEASE = 60.0
"""Seconds without a sign of life after which a worker counts as dead."""
_BEATS = 4
"""Signs of life in a lease."""
_WAIT = 2.0
"""Seconds after which a worker that waits looks again, at most."""


class ClaimLostError(Exception):
    """A row is another worker's by now. It is no failure of the row."""


@runtime_checkable
class Ledger(Protocol):
    """Where it is written down what became of rows."""

    def append(self, record: Record) -> None:
        """Add a record, unless the same is there."""

    def latest(self) -> Mapping[str, Record]:
        """Return what became of each output last."""


def worker_name(process: int) -> str:
    """Return what a process of this host calls itself."""
    return f"{socket.gethostname()}-{process}"


def _keep_quiet(event: Event) -> None:
    pass


class Claims:
    """What a worker has to do with the claims of all workers."""

    def __init__(self, folder: Path, worker: str, lease: float, results: Ledger, tell: Tell = _keep_quiet) -> None:
        self.worker, self.lease, self.results, self._tell = worker, lease, results, tell
        self._files = ClaimFiles(folder)
        self._seen: dict[str, tuple[dict[str, State], float]] = {}
        self._held: set[Claim] = set()
        self._waited: str | None = None
        self._leave = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="claims", daemon=True)
        self._heart.start()

    def take(self, row: Row, dead: str | None = None) -> "Claim | None":
        """Return a claim to a row, or None where another worker has it that is not known to be `dead`.

        Look only afterwards whether the row was done meanwhile, and release the claim if so: what tells here of a row
        that is done is removed.

        Raises:
            CyberHostError: the disk is full, or the folder cannot be written.
        """
        key = _key(row)
        free, files = self._look(key)
        if not free and (dead is None or any(read(state).get("worker") != dead for state in files.values())):
            return None
        if committed(files):
            self._finish(row, files)
            return None
        number = generation(files) + 1
        file = self._files.create(key, number)
        try:
            with explained(self._files.folder, self._files.folder):
                file.write(self.told(row))
                if file.own() and self._settle(key, number, file):
                    claim = Claim(self, row, file)
                    self._held.add(claim)
                    return claim
        except BaseException:
            file.withdraw()
            raise
        file.withdraw()
        return None

    def holds(self, row: Row) -> bool:
        """Tell whether a row is this worker's now."""
        return any(claim.row == row for claim in tuple(self._held))

    def waiting(self, rows: Sequence[Row]) -> bool:
        """Wait a moment while others have some of these rows, and return whether they do."""
        keys = self._files.keys()
        held = [row for row in rows if _key(row) in keys]
        if not held:
            self._waited = None
            return False
        first = held[0]
        who = {read(state).get("worker", "another worker") for state in self._files.look(_key(first)).values()}
        told = f"waiting for `{first.id}`, which {' and '.join(sorted(who))} makes"
        told += f", and {len(held) - 1} more" if len(held) > 1 else ""
        if told != self._waited:
            logger.info("%s", told)
        self._waited = told
        time.sleep(min(self.lease / _BEATS, _WAIT))
        return True

    def rows_of(self, worker: str, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that a worker has."""
        keys = self._files.keys()
        there = {row: self._files.look(_key(row)) for row in rows if _key(row) in keys}
        return [
            row for row, files in there.items() if any(read(each).get("worker") == worker for each in files.values())
        ]

    def close(self, ended: Sequence[Row]) -> None:
        """Release what is held, remove what is left of rows that have ended, and the folder when it is empty."""
        self._leave.set()
        self._heart.join()
        for claim in tuple(self._held):
            claim.release()
        keys, latest = self._files.keys(), self.results.latest()
        tidy = [row for row in ended if _key(row) not in keys or self._tidy(row, latest.get(str(row.out)))]
        # What is finished of a failed row may serve when it is tried again.
        failed = {row.out for row in tidy if str(row.out) in latest and latest[str(row.out)].status == "failed"}
        remove_slots([row.out for row in tidy], failed)
        self._files.remove()

    def told(self, row: Row) -> dict[str, Any]:
        """Return what a claim to a row says to others."""
        return {"worker": self.worker, "row": row.id, "lease": self.lease}

    def forget(self, claim: "Claim") -> None:
        """Give no more signs of life of a claim."""
        self._held.discard(claim)

    def clear(self, row: Row, file: ClaimFile) -> None:
        """Remove all claims of a row that was committed by this one."""
        self._files.clear(_key(row), file.inode)

    def _look(self, key: str) -> tuple[bool, dict[str, State]]:
        """Return whether a row is nobody's, or a dead worker's, and what there is of it."""
        now = time.monotonic()  # before, since this process may be frozen in between
        files = self._files.look(key)
        if not files:
            self._seen.pop(key, None)
            return True, files
        before, since = self._seen.get(key, (None, now))
        if files != before:
            self._seen[key] = (files, time.monotonic())
            return False, files
        return now - since >= max(read(state).get("lease", self.lease) for state in files.values()), files

    def _settle(self, key: str, number: int, file: ClaimFile) -> bool:
        """Remove older claims, and tell whether the row is ours: nobody has a newer claim, none was committed."""
        files = self._files.look(key)
        if committed(files) or generation(files) > number:
            return False
        self._files.evict({name: state for name, state in files.items() if name not in file.names})
        # Once more: what was removed just now might have been committed before that.
        return not committed(self._files.look(key))

    def _finish(self, row: Row, files: Mapping[str, State]) -> None:
        """Do what a worker did not come to that died after its commit."""
        commit = committed(files)
        assert commit is not None
        told = read(commit)
        if "record" in told:  # else the disk lost what it had promised to keep, and the row starts anew
            if told["slot"] is not None and not put_for_dead(row.out, told["slot"]):
                return
            # Its host may mount the disk elsewhere.
            record = replace(Record(**told["record"]), out=str(row.out))
            self.results.append(record)
            self._tell(Ended(record))
            logger.info("finished `%s` for %s, which stopped", row.id, told["worker"])
        self._files.clear(_key(row), commit.inode)

    def _tidy(self, row: Row, record: Record | None) -> bool:
        """Remove what is left of a row that has ended; return whether nothing is, but of a commit that goes on."""
        free, files = self._look(_key(row))
        self._files.evict({name: state for name, state in files.items() if not committed({name: state})})
        # Once more: what was removed just now might have been committed before that.
        left = self._files.look(_key(row))
        commit = committed(left)
        if commit is None:
            return True
        if record is not None and read(commit).get("record") == asdict(record):
            self._files.clear(_key(row), commit.inode)
        elif free:
            self._finish(row, left)
        else:
            return False
        return True

    def _beat(self) -> None:
        while not self._leave.wait(self.lease / _BEATS):
            for claim in tuple(self._held):
                claim.beat()


class Claim:
    """A row that is this worker's, until it is committed, released or lost."""

    def __init__(self, claims: Claims, row: Row, file: ClaimFile) -> None:
        self.row = row
        self.lost = False
        """Whether the row is another worker's by now."""
        self._claims, self._file = claims, file
        self._slot: Slot | None = None
        self._lock = threading.Lock()
        self._open = True
        self._beats, self._last = 0, time.monotonic()

    def out(self) -> Path:
        """Return where the video is to be made: no other process writes there, one that died may have begun to.

        Raises:
            ClaimLostError: the row is another worker's by now.
            CyberHostError: it cannot be made.
        """
        if self._slot is None:
            parent = self.row.out.parent
            with explained(self.row.out, parent):
                parent.mkdir(parents=True, exist_ok=True)
            slot = free_slot(self.row.out)
            # What is in it may be of another worker's commit, unless the row was still ours when we got it.
            if not self._file.there:
                self.lost = True
                slot.let_go()
                self.check()
            self._slot = slot
        return self._slot.path

    def check(self) -> None:
        """Raise if the row is lost; to be called often.

        Raises:
            ClaimLostError: the row is another worker's by now.
        """
        if time.monotonic() - self._last > self._claims.lease / 2:  # perhaps this process was frozen
            self.beat()
        if self.lost:
            raise ClaimLostError(
                f"`{self.row.id}` was taken over by another worker, since this one gave no sign of life"
            )

    def beat(self) -> None:
        """Give a sign of life, and find out whether the row is lost."""
        # A network disk that is away for a moment is no reason to end.
        with self._lock, suppress(OSError):
            if not self._open:
                return
            if not self._file.there:
                self.lost = True
                return
            self._beats += 1
            self._file.write({**self._claims.told(self.row), "beats": self._beats})
            self._last = time.monotonic()

    def commit(self, record: Record) -> None:
        """Let the row end with this record: put its video into place if it is done, write the record to the results.

        Raises:
            ClaimLostError: the row is another worker's by now; nothing was changed.
        """
        done = record.status == "done"
        if done and self._slot is None:
            raise ValueError("a row that is done was not made at `out`")
        slot = self._slot.number if done and self._slot is not None else None
        told = {**self._claims.told(self.row), "record": asdict(record), "slot": slot}
        with self._lock:
            self._file.write(told)
            if self._file.commit():
                self._open = False
            else:
                self.lost = True
        self.check()
        if done and self._slot is not None:
            self._slot.put()
            self._slot.remove()
            self._slot = None
        self._claims.results.append(record)
        self._claims.clear(self.row, self._file)
        self._end()

    def release(self) -> None:
        """Give the row back, unless it has ended; unless it is lost, what is finished stays for whoever goes on."""
        with self._lock:
            was_open, self._open = self._open, False
        if was_open:
            self._end()

    def _end(self) -> None:
        if self._slot is not None:
            self._slot.remove() if self.lost else self._slot.let_go()
        self._file.withdraw()
        self._claims.forget(self)


def _key(row: Row) -> str:
    return row.digest[:32]
