"""A worker: makes row after row in one process, and prepares the next one while a video is sampled."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event

from cyberhost_cli.farm.claims import Claim, ClaimLostError, Claims
from cyberhost_cli.farm.events import Ended, Tell
from cyberhost_cli.farm.finished import state
from cyberhost_cli.farm.maker import Maker
from cyberhost_cli.farm.record import Record
from cyberhost_cli.farm.results import Results
from cyberhost_cli.farm.row import Row
from cyberhost_cli.farm.taken import Taken

logger = logging.getLogger(__name__)

Work = tuple[Taken, Claim | None]
_PAUSE = 0.2
"""Seconds after which it is looked again whether a row is free, where nobody is known to have it."""


def work(rows: Sequence[Row], maker: Maker, results: Results, claims: Claims | None, tell: Tell) -> None:
    """Make rows in order, and write down what becomes of each.

    With claims the rows are shared with other workers, and this returns when all have ended, whoever made them; what
    others made is told too.
    """
    from cyberhost_cli.pipelines.threads import WAKE, signals_wait

    stopped, hands = Event(), list[Work]()
    given = _alone(rows, maker) if claims is None else _shared(rows, maker, results, claims, stopped, tell)

    def take() -> Work | None:
        taken = next(given, None)
        if taken is not None:
            hands.append(taken)
        return taken

    with ThreadPoolExecutor(1, thread_name_prefix="prepare") as side:
        try:
            with signals_wait():
                coming = side.submit(take)
            while (now := _result(coming, WAKE)) is not None:
                coming = side.submit(take)
                _finish(*now, maker, results, tell)
                hands.remove(now)
        except BaseException:
            stopped.set()
            # All that is in hand is known only then.
            side.shutdown(cancel_futures=True)
            for left in hands:
                _drop(*left, maker)
            raise


def _result(coming: "Future[Work | None]", wake: float) -> Work | None:
    # Python handles a signal that came just before it began to wait only when it wakes up.
    while not coming.done():
        wait([coming], wake)
    return coming.result()


def outstanding(rows: Sequence[Row], results: Results, maker: Maker) -> tuple[list[Row], int, int]:
    """Return the rows that are to be made, how many are done, and how many failed and would again; say so."""
    latest = results.latest()
    states = {row: state(row, latest.get(str(row.out)), maker.fingerprint) for row in rows}
    left = [row for row, each in states.items() if each == "open"]
    done, failed = (sum(each == kind for each in states.values()) for kind in ("done", "failed"))
    told = [f"{done} of {len(rows)} rows are done"]
    if failed:
        told.append(f"{failed} failed before and would again, unless you mend them or add `--force`")
    if not left:
        logger.info("nothing to do: %s", ", ".join(told))
    elif done or failed:
        logger.info("%s", ", ".join([*told, f"{len(left)} left"]))
    return left, done, failed


def has_ended(row: Row, record: Record | None, before: Mapping[str, Record], maker: Maker) -> bool:
    """Tell whether nothing is left to be done about a row; `before` is what became of rows in earlier runs."""
    # What failed in this run has had its retries.
    tried = record is not None and record.status == "failed" and record != before.get(str(row.out))
    return tried or state(row, record, maker.fingerprint) != "open"


def _alone(rows: Sequence[Row], maker: Maker) -> Iterator[Work]:
    for row in rows:
        yield maker.begin(row), None


def _shared(
    rows: Sequence[Row], maker: Maker, results: Results, claims: Claims, stopped: Event, tell: Tell
) -> Iterator[Work]:
    """Yield rows as they become free, until none is left that has not ended."""
    left, before, ours = list(rows), results.latest(), dict[Row, Claim]()

    def ended(row: Row) -> bool:
        return has_ended(row, results.latest().get(str(row.out)), before, maker)

    while left and not stopped.is_set():
        gone = {row for row in left if ended(row)}
        # What this worker made is told where it ends.
        for row in (row for row in left if row in gone and (row not in ours or ours[row].lost)):
            tell(Ended(results.latest()[str(row.out)]))
        left = [row for row in left if row not in gone]
        taken = False
        for row in left:
            if stopped.is_set():
                return
            claim = None if claims.holds(row) else claims.take(row)
            if claim is None:
                continue
            # What another worker did meanwhile has no claim any more.
            if ended(row):
                claim.release()
                continue
            taken = True
            ours[row] = claim
            try:
                yield maker.begin(row, claim.out), claim
            except ClaimLostError:
                claim.release()
        others = [row for row in left if not claims.holds(row)]
        if not taken and not (others and claims.waiting(others)):
            stopped.wait(_PAUSE)


def _finish(taken: Taken, claim: Claim | None, maker: Maker, results: Results, tell: Tell) -> None:
    if claim is None:
        record = maker.finish(taken)
        results.append(record)
    else:
        try:
            record = maker.finish(taken, claim.check)
            claim.commit(record)
        except ClaimLostError:
            claim.release()
            return
    tell(Ended(record))


def _drop(taken: Taken, claim: Claim | None, maker: Maker) -> None:
    """Leave a row to a later run, or to other workers."""
    maker.drop(taken)
    if claim is not None:
        claim.release()
