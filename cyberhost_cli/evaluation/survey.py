"""Survey: all clips are measured, side by side, and their figures taken together."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import replace

import numpy as np

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.evaluation import gauge
from cyberhost_cli.evaluation.clips import Clip
from cyberhost_cli.evaluation.gauge import Gauge, Reading, Task
from cyberhost_cli.evaluation.kept import Kept
from cyberhost_cli.evaluation.metrics.metric import Figures
from cyberhost_cli.evaluation.metrics.registry import METRICS, SET_METRICS
from cyberhost_cli.evaluation.metrics.video import Video
from cyberhost_cli.evaluation.outcome import Outcome, Reason, gather
from cyberhost_cli.pipelines import processes
from cyberhost_cli.pipelines.model import set_up_device
from cyberhost_cli.pipelines.progress import Progress

RATE = 16000
"""Samples a second by which it is told whether two clips sound the same."""


def survey(
    clips: Sequence[Clip],
    asked: Sequence[str] | None,
    controls: bool,
    loaded: LoadedPreset,
    workers: int,
    progress: Progress,
) -> Outcome:
    """Measure clips by several processes; what was measured before is not measured again.

    Args:
        clips: of different names.
        asked: names of metrics, or None for all that can be measured here.
        controls: whether to measure real videos too, and the generated ones with each other's sound.
        loaded: says how people are found and tracked.
        workers: processes; 1 measures in this one.
        progress: told of clips.

    Raises:
        CheckpointError: a metric that was asked for by name lacks weights.
        UsageError: it needs something that no clip has, or does not exist.
        InputError: it could be measured of no clip.
        CyberHostError: a process died.
    """
    alone = _alone(loaded)
    reasons = _unmeasured(clips, asked, alone)
    names = [name for name in asked or METRICS if name not in reasons]
    tasks = _tasks(clips, controls, alone)
    readings = _measure(tasks, alone, names, workers, progress)
    Kept(loaded.preset.store.cache_megabytes).shrink()
    sets = _compare([name for name in names if name in SET_METRICS], readings, alone, reasons)
    outcome = gather(clips, readings, sets, reasons, controls)
    _check_asked(outcome, asked)
    faults = [fault for reading in readings for fault in reading.faults.values()]
    if not outcome.lines and faults:
        raise InputError(f"nothing could be measured: {faults[0]}", "give videos that can be read")
    return outcome


def sensible_workers(loaded: LoadedPreset) -> int:
    """Return how many processes measure side by side: one a core, or one on a GPU, whose memory they share."""
    on_gpu = set_up_device(loaded.preset.device).type == "cuda"
    return 1 if on_gpu else len(os.sched_getaffinity(0))


def _alone(loaded: LoadedPreset) -> LoadedPreset:
    """Let each process look for people by itself, since there are others."""
    tracking = loaded.preset.tracking.model_copy(update={"workers": 1})
    return replace(loaded, preset=loaded.preset.model_copy(update={"tracking": tracking}))


def _unmeasured(clips: Sequence[Clip], asked: Sequence[str] | None, loaded: LoadedPreset) -> dict[str, Reason]:
    """Return why metrics are not measured at all.

    Raises:
        CyberHostError: one of them was asked for by name.
    """
    for name in asked or ():
        if name not in METRICS:
            raise UsageError(f"there is no metric `{name}`", f"there are {', '.join(METRICS)}")
    reasons: dict[str, Reason] = {}
    for name in asked or METRICS:
        needs = METRICS[name].about.needs
        if "real" in needs and all(clip.real is None for clip in clips):
            reasons[name] = Reason("there is no real video to compare with", "name one with `--reference`")
        elif "picture" in needs and all(clip.picture is None for clip in clips):
            reasons[name] = Reason("there is no reference picture", "name it with `--pictures`")
    if asked and reasons:
        name, reason = next(iter(reasons.items()))
        raise UsageError(f"`{name}` cannot be measured: {reason.message}", reason.hint)
    for name, error in Gauge(loaded, [name for name in asked or METRICS if name not in reasons]).lacking().items():
        if asked:
            raise error
        reasons[name] = Reason(error.message, error.hint)
    return reasons


def _compare(
    names: Sequence[str], readings: Sequence[Reading], loaded: LoadedPreset, reasons: dict[str, Reason]
) -> dict[str, Figures]:
    """Return the figures of metrics of sets; tell why one cannot be had."""
    here, found = Gauge(loaded, names), dict[str, Figures]()
    for name in names:
        pairs = [reading.features[name] for reading in readings if name in reading.features]
        try:
            if not pairs:
                raise InputError("no clip can be measured", "see what is told of each")
            ours, theirs = (np.concatenate(side) for side in zip(*pairs, strict=True))
            found[name] = here.compare(name, ours, theirs)
        except InputError as error:
            reasons[name] = Reason(error.message, error.hint)
    return found


def _check_asked(outcome: Outcome, asked: Sequence[str] | None) -> None:
    """Refuse an outcome that lacks what was asked for by name."""
    measured = {line.metric for line in outcome.lines}
    for name in asked or ():
        if name not in measured:
            reason = outcome.unmeasured.get(name)
            told = reason.message if reason else next(reading.faults[name] for reading in outcome.readings)
            raise InputError(
                f"`{name}` could be measured of no clip: {told}", reason.hint if reason else "leave it out"
            )


def _tasks(clips: Sequence[Clip], controls: bool, loaded: LoadedPreset) -> list[Task]:
    if not controls:
        return [Task(clip) for clip in clips]
    sounds = [_sound(clip, loaded) for clip in clips]
    tasks = []
    for number, clip in enumerate(clips):
        following = [*range(number + 1, len(clips)), *range(number)]
        # Others may say the same.
        other = next((clips[place] for place in following if sounds[place] not in (None, sounds[number])), None)
        tasks.append(Task(clip, controls, other if sounds[number] is not None else None))
    return tasks


def _sound(clip: Clip, loaded: LoadedPreset) -> str | None:
    try:
        return hashlib.sha256(Video(clip.generated, loaded).sound(RATE).tobytes()).hexdigest()
    except InputError:
        return None


def _measure(
    tasks: Sequence[Task], loaded: LoadedPreset, names: Sequence[str], workers: int, progress: Progress
) -> list[Reading]:
    """Return what was measured of each."""
    here = Gauge(loaded, names)
    found = {number: reading for number, task in enumerate(tasks) if (reading := here.recall(task)) is not None}
    left = [number for number in range(len(tasks)) if number not in found]
    progress(len(found), len(tasks))
    for number, reading in _anew(tasks, left, here, loaded, min(workers, len(left))):
        found[number] = reading
        progress(len(found), len(tasks))
    return [found[number] for number in range(len(tasks))]


def _anew(
    tasks: Sequence[Task], left: Sequence[int], here: Gauge, loaded: LoadedPreset, workers: int
) -> Iterator[tuple[int, Reading]]:
    if workers <= 1:
        for number in left:
            yield number, here.measure(tasks[number])
        return
    with processes.pool(workers, gauge.__name__, "measures clips", _begin, (loaded, here.names)) as pool:
        asked = {pool.submit(_work, tasks[number]): number for number in left}
        for future in as_completed(asked):
            yield asked.pop(future), future.result()


_gauges: list[Gauge] = []
"""The one of this process, which is a worker."""


def _begin(loaded: LoadedPreset, names: Sequence[str]) -> None:
    processes.begin()
    _gauges.append(Gauge(loaded, names))


def _work(task: Task) -> Reading:
    return _gauges[0].measure(task)
