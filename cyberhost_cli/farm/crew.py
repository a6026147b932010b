"""A crew: worker processes of one machine that share a manifest through claims, led by one that does no rows itself."""

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cyberhost_cli import __version__
from cyberhost_cli.errors import UsageError
from cyberhost_cli.farm.claims import Claim, Claims, worker_name
from cyberhost_cli.farm.events import Begun, Ended, Event, Started, Tell, from_json
from cyberhost_cli.farm.maker import Maker
from cyberhost_cli.farm.record import Record
from cyberhost_cli.farm.row import Row

logger = logging.getLogger(__name__)

Say = Callable[[str], None]
INTERRUPTED, SOME_FAILED = 130, 3
"""Exit codes of a batch."""
_DEATHS = 3
"""Workers that may die at a row before it counts as failed."""
_STARTS = 5
"""Times that a worker is started without ending a row."""
_PAUSE = 1.0
"""Seconds before a worker that died is started again."""
_LOOK = 1.0
"""Seconds without news after which it is looked what other hosts did."""
_HEARING = 5.0
"""Seconds for the last words of a worker, whose own children may keep its pipes open."""


def cpu_workers(number: int) -> list[dict[str, str]]:
    """Return the environments of workers that share the processor's cores."""
    threads = str(max(1, (os.cpu_count() or 1) // number))
    return [{"OMP_NUM_THREADS": threads, **os.environ, "CUDA_VISIBLE_DEVICES": ""} for _ in range(number)]


def gpu_workers(gpus: str) -> list[dict[str, str]]:
    """Return the environments of one worker for each GPU of `0,2` or `all`.

    Raises:
        UsageError: there is no such GPU, or none at all.
    """
    there = _gpus()
    if not there:
        raise UsageError("`--gpus` needs a GPU, and torch finds none", "start workers on the CPU with `--workers N`")
    numbers = [str(number) for number in range(len(there))] if gpus == "all" else gpus.split(",")
    for number in numbers:
        if not number.strip().isdecimal() or int(number) >= len(there):
            raise UsageError(
                f"there is no GPU `{number}`, only {', '.join(map(str, range(len(there))))}",
                "name some of them, as `--gpus 0,1`, or all by `--gpus all`",
            )
    chosen = list(dict.fromkeys(int(number) for number in numbers))
    return [{**os.environ, "CUDA_VISIBLE_DEVICES": there[number]} for number in chosen]


def _gpus() -> list[str]:
    """Return what CUDA calls the GPUs that this process may use; asked by another one, since it would keep memory."""
    script = "import torch; print(torch.cuda.device_count())"
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    number = int(asked.stdout) if asked.returncode == 0 else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [str(index) for index in range(number)] if visible is None else visible.split(",")[:number]


@dataclass
class _Worker:
    """One place in the crew, and the process that has it now."""

    environment: Mapping[str, str]
    process: subprocess.Popen[str] | None = None
    name: str = ""
    """What it calls itself in claims."""
    starts: int = 0
    """Since one of its rows ended."""
    errors: list[str] = field(default_factory=list)
    """What it said went wrong; of rows their records tell that, too."""


class Crew:
    """Starts workers, hears what they tell, and starts them again when they die.

    A row at which workers die ends as failed. So that no other row is blamed, rows that were in a dead worker's hands
    are tried one at a time: the crew keeps the claims of the others meanwhile.
    """

    def __init__(
        self, command: Sequence[str], fed: str | None, rows: Iterable[Row], claims: Claims, tell: Tell, say: Say
    ) -> None:
        self._command, self._fed, self._claims = list(command), fed, claims
        self._tell, self._say = tell, say
        self._rows = {row.id: row for row in rows}
        self._heard: queue.SimpleQueue[tuple[_Worker, Event | str | None]] = queue.SimpleQueue()
        self._begun = self._failed = False
        self._codes: list[int] = []
        self._deaths: dict[str, int] = {}
        self._kept: dict[str, Claim] = {}
        """Rows that are to be tried once more, but not yet."""
        self._tried: str | None = None
        """The one that is."""
        self._before: Record | None = None
        """What became of it before."""

    def run(self, environments: Sequence[Mapping[str, str]]) -> int:
        """Start a worker in each environment, and return the exit code of the batch when the last one has ended."""
        workers = [_Worker(environment) for environment in environments]
        try:
            for worker in workers:
                self._start(worker)
            self._lead(workers, again=True)
        except KeyboardInterrupt:
            return INTERRUPTED
        finally:
            self._stop(workers)
        # A worker ends well only when no row is left.
        if set(self._codes) & {0, SOME_FAILED}:
            return SOME_FAILED if self._failed or SOME_FAILED in self._codes else 0
        return self._codes[0]

    def _lead(self, workers: Sequence[_Worker], again: bool) -> None:
        """Hear workers until the last one has ended."""
        while any(worker.process is not None for worker in workers):
            try:
                worker, told = self._heard.get(timeout=_LOOK)
            except queue.Empty:
                self._look_after_tried()
                continue
            if isinstance(told, str) and told.startswith(("error: ", "hint: ")):
                worker.errors.append(told)
            elif isinstance(told, str):
                self._say(told)
            elif told is not None:
                self._hear(worker, told)
            elif worker.process is not None:
                self._part(worker, again)

    def _part(self, worker: _Worker, again: bool) -> None:
        """Take note of how a worker ended."""
        assert worker.process is not None
        code, worker.process = worker.process.wait(), None
        if code < 0 and again:
            self._bury(worker, signal.Signals(-code).name)
            return
        self._codes.append(code)
        if code not in (0, SOME_FAILED):
            for line in worker.errors:
                self._say(line)

    def _stop(self, workers: Sequence[_Worker]) -> None:
        """End workers that are left; they give their rows back."""
        while any(worker.process is not None for worker in workers):
            for worker in workers:
                if worker.process is not None and worker.process.poll() is None:
                    worker.process.terminate()
                elif worker.process is not None:  # it may be that the interruption came when we heard so
                    self._heard.put((worker, None))
            with suppress(KeyboardInterrupt):
                self._lead(workers, again=False)

    def _hear(self, worker: _Worker, event: Event) -> None:
        if isinstance(event, Started):
            worker.name = event.worker
        if isinstance(event, Ended):
            # It tells of what other hosts made, too.
            worker.starts = 0 if event.record.worker == worker.name else worker.starts
            self._failed = self._failed or event.record.status == "failed"
        if not isinstance(event, Begun) or not self._begun:
            self._tell(event)
        self._begun = True
        if isinstance(event, Ended) and event.record.id == self._tried:
            self._try_next()

    def _bury(self, worker: _Worker, cause: str) -> None:
        """Take what a dead worker had in hand, let it be tried again, and start another worker."""
        names, suspects = [], set[str]()
        for row in self._claims.rows_of(worker.name, self._rows.values()):
            claim = self._claims.take(row, dead=worker.name)
            if claim is None:  # it was committed
                continue
            names.append(f"`{row.id}`")
            suspects.add(row.id)
            self._deaths[row.id] = self._deaths.get(row.id, 0) + 1
            if self._deaths[row.id] < _DEATHS:
                self._kept[row.id] = claim
            else:
                self._give_up(claim, cause)
                worker.starts = 0
        if self._tried is None or self._tried in suspects:
            self._try_next()
        at = f" at {' or '.join(names)}" if names else ""
        if worker.starts < _STARTS:
            logger.warning("a worker died of %s%s; another one is started", cause, at)
            time.sleep(_PAUSE)
            self._start(worker)
        else:
            logger.warning("a worker died of %s%s, as others before it; no other one is started", cause, at)
            self._codes.append(1)

    def _try_next(self) -> None:
        self._tried = next(iter(self._kept), None)
        if self._tried is not None:
            claim = self._kept.pop(self._tried)
            self._before = self._claims.results.latest().get(str(claim.row.out))
            claim.release()

    def _look_after_tried(self) -> None:
        """Go on with the next row to be tried, if another host has ended the one that is."""
        if self._tried is not None:
            out = str(self._rows[self._tried].out)
            if self._claims.results.latest().get(out) != self._before:
                self._try_next()

    def _give_up(self, claim: Claim, cause: str) -> None:
        """Let a row end as failed at which workers die."""
        row = claim.row
        record = Record(
            id=row.id,
            row=row.number,
            out=str(row.out),
            status="failed",
            seconds=0.0,
            attempts=_DEATHS,
            worker=self._claims.worker,
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
            # Without these, the next worker would try it again.
            fingerprint=Maker(0, self._tell).fingerprint(row),
            version=__version__,
            permanent=True,
            error=f"{_DEATHS} workers died while they made this row, the last one of {cause}",
            hint="try it alone by `cyberhost generate`; if it was memory that ran out, start fewer workers",
        )
        claim.commit(record)
        self._failed = True
        self._tell(Ended(record))

    def _start(self, worker: _Worker) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8") as given:
            given.write(self._fed or "")
            given.seek(0)
            # In a session of its own, so that Ctrl-C reaches it through us alone.
            process = worker.process = subprocess.Popen(
                self._command,
                env=worker.environment,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        worker.name, worker.errors = worker_name(process.pid), []
        worker.starts += 1
        assert process.stdout is not None
        assert process.stderr is not None
        ears = [
            threading.Thread(target=self._listen, args=(worker, process.stdout, _understood), daemon=True),
            threading.Thread(target=self._listen, args=(worker, process.stderr, str.rstrip), daemon=True),
        ]
        for ear in ears:
            ear.start()
        threading.Thread(target=self._watch, args=(worker, process, ears), daemon=True).start()

    def _listen(self, worker: _Worker, told: Iterable[str], meant: Callable[[str], Event | str | None]) -> None:
        for line in told:
            event = meant(line)
            if event is not None:
                self._heard.put((worker, event))

    def _watch(self, worker: _Worker, process: subprocess.Popen[str], ears: Sequence[threading.Thread]) -> None:
        process.wait()
        for ear in ears:
            ear.join(_HEARING)
        self._heard.put((worker, None))


def _understood(line: str) -> Event | str | None:
    """Return the event that a worker told, or what a library printed among them."""
    try:
        told = json.loads(line)
    except ValueError:
        return line.rstrip()
    if not isinstance(told, dict):
        return line.rstrip()
    told.pop("batch", None)  # how far the batch is, as far as one worker knows
    return from_json(told)
