"""Processes that do numbered pieces of work side by side."""

import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from cyberhost_cli.errors import CyberHostError

Work = Callable[[int], None]
Preparation = Callable[[], None]
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class _Worker:
    """One process, our end of the pipe to it, and the piece that it works at."""

    process: BaseProcess
    pipe: Connection
    piece: int | None = None

    def ask(self, piece: int | None) -> None:
        """Give it a piece, or None to prepare; it answers when it is done."""
        self.piece = piece
        with suppress(BrokenPipeError):  # `hear` tells
            self.pipe.send(piece)

    def hear(self) -> None:
        """Take its answer.

        Raises:
            CyberHostError: the piece failed, or the process is gone.
        """
        try:
            failure = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            raise CyberHostError(
                f"a worker ended with exit code {self.process.exitcode} at {_name(self.piece)}",
                "look at what it said; if memory ran out, start fewer with `--workers`; what is finished is kept",
            ) from None
        if isinstance(failure, CyberHostError):
            raise failure
        if failure is not None:
            raise CyberHostError(f"{_name(self.piece)} failed:\n{failure}", "what is finished is kept")


def spread(work: Work, pieces: Sequence[int], workers: int, prepare: Preparation) -> Iterator[int]:
    """Do `work` for every piece in `workers` processes, and yield each piece as it is done, in any order.

    One process prepares before the others begin, so that what it leaves on disk is made once. However this ends, the
    processes end with it; what they were at is given up.

    Raises:
        CyberHostError: a piece failed, or a process ended.
    """
    context, crew = multiprocessing.get_context("spawn"), list[_Worker]()
    try:
        for _ in range(min(workers, len(pieces))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, work, prepare), daemon=True)
            with _one_thread_each():
                process.start()
            theirs.close()
            crew.append(_Worker(process, ours))
        yield from _lead(crew, pieces)
    finally:
        for worker in crew:
            worker.process.terminate()
        for worker in crew:
            worker.process.join()
            worker.pipe.close()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes started within do their sums on one core each; they read this once, as they start."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _lead(crew: list[_Worker], pieces: Sequence[int]) -> Iterator[int]:
    """Hand out the pieces."""
    left, busy = iter(pieces), dict[Connection, _Worker]()
    for worker in crew:
        if not busy:
            worker.ask(None)
            worker.hear()
        worker.ask(next(left))
        busy[worker.pipe] = worker
    while busy:
        for pipe in wait(list(busy)):
            assert isinstance(pipe, Connection)
            worker = busy.pop(pipe)
            piece = worker.piece
            worker.hear()
            following = next(left, None)
            if following is not None:
                worker.ask(following)
                busy[pipe] = worker
            if piece is not None:
                yield piece


def _serve(pipe: Connection, work: Work, prepare: Preparation) -> None:
    """Do what the pipe asks for until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the leader ends the others
    signal.signal(signal.SIGTERM, _leave)
    while True:
        try:
            piece = pipe.recv()
        except EOFError:  # the leader is gone
            return
        try:
            prepare() if piece is None else work(piece)
        except CyberHostError as error:
            pipe.send(error)
        except Exception:
            pipe.send(traceback.format_exc())
        else:
            pipe.send(None)


def _leave(_number: int, _frame: object) -> None:
    """End by an exception, so that files half written are removed."""
    sys.exit(1)


def _name(piece: int | None) -> str:
    return "the preparation" if piece is None else f"clip {piece:06d}"
