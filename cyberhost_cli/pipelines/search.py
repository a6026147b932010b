"""Search: people in the frames of a video, sought by several processes at once."""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from cyberhost_cli.config.inputs import DetectionConfig, StoreConfig
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import CyberHostError
from cyberhost_cli.pipelines import detectors, processes
from cyberhost_cli.types import Frames, Person

AHEAD = 2
"""Chunks per process that lie ready or are worked on."""


def search(chunks: Iterable[Frames], preset: Preset) -> Iterator[list[list[Person]]]:
    """Yield everybody in every frame of each chunk, in order.

    Raises:
        CyberHostError: the detector cannot be loaded, or a process died.
    """
    look = partial(_look, preset.detection, preset.store)
    workers = preset.tracking.workers
    if workers == 1:
        yield from map(look, chunks)
        return
    # Spawned, since a fork of a process that has threads may hang.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=processes.begin)
    asked: deque[Future[list[list[Person]]]] = deque()
    try:
        for chunk in chunks:
            asked.append(pool.submit(look, chunk))
            if len(asked) >= AHEAD * workers:
                yield asked.popleft().result()
        while asked:
            yield asked.popleft().result()
    except BrokenProcessPool as error:
        raise CyberHostError(
            "a process that looks for people died: memory may be short, or a script calls this at its top level",
            "add `--set tracking.workers=1`; in a script, call it below `if __name__ == '__main__':`",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _look(detection: DetectionConfig, store: StoreConfig, chunk: Frames) -> list[list[Person]]:
    detector = detectors.pose_detector(detection, store)
    return [detector.detect(frame) for frame in chunk]
