"""Gauge: one clip becomes figures, by all metrics that are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import torch

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import CyberHostError, InputError
from cyberhost_cli.evaluation.clips import Clip
from cyberhost_cli.evaluation.kept import Kept
from cyberhost_cli.evaluation.metrics.metric import About, Case, ClipMetric, Features, Figures, SetMetric
from cyberhost_cli.evaluation.metrics.registry import CLIP_METRICS, METRICS, SET_METRICS
from cyberhost_cli.evaluation.metrics.video import Video
from cyberhost_cli.media import cache
from cyberhost_cli.media.source import check_source, file_hash
from cyberhost_cli.pipelines import detectors
from cyberhost_cli.pipelines.model import set_up_device
from cyberhost_cli.preprocess.files import Finder
from cyberhost_cli.weights import catalogue
from cyberhost_cli.weights.store import finder

Of = Literal["generated", "real", "other sound"]
"""What is measured: the generated video, or as a control the real one, or the generated one with another sound."""
VIEWS: tuple[Of, ...] = ("generated", "real", "other sound")
Result = TypeVar("Result")
_MACHINE = {"workers", "piece_frames"}
"""Fields of `tracking` that change no figure."""


@dataclass(frozen=True)
class Task:
    """A clip, and what is measured of it."""

    clip: Clip
    controls: bool = False
    """Whether the real video is measured too, wherever a metric needs none to compare with."""
    other: Clip | None = None
    """Whose sound the generated video is given, as another control."""


@dataclass
class Reading:
    """What was measured of a clip."""

    figures: dict[Of, dict[str, float]] = field(default_factory=lambda: {view: {} for view in VIEWS})
    faults: dict[str, str] = field(default_factory=dict)
    """Why a metric has no figures of the generated video, by its name."""
    features: dict[str, tuple[Features, Features]] = field(default_factory=dict)
    """Of the generated and of the real video, by metric of sets."""


class Gauge:
    """The metrics of one process; each is loaded when it is first needed.

    Args:
        loaded: says how people are found, and where weights lie.
        names: of the metrics.
    """

    def __init__(self, loaded: LoadedPreset, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._loaded = loaded
        self._kept = Kept(loaded.preset.store.cache_megabytes)
        self._clip_metrics: dict[str, ClipMetric] = {}
        self._set_metrics: dict[str, SetMetric] = {}

    def lacking(self) -> dict[str, CyberHostError]:
        """Return which metrics cannot be loaded, and why."""
        lacking: dict[str, CyberHostError] = {}
        preset = self._loaded.preset
        for name in self.names:
            try:
                self._metric(name) if name in CLIP_METRICS else self._set_metric(name)
                if "detection" in METRICS[name].about.sections:
                    detectors.pose_detector(preset.detection, preset.store)
            except CyberHostError as error:
                lacking[name] = error
        return lacking

    def recall(self, task: Task) -> Reading | None:
        """Return what was measured of a clip before, if that was all of it."""
        try:
            return self._read(task, measure=False)
        except (_NotKeptError, InputError):
            return None

    def measure(self, task: Task) -> Reading:
        """Measure a clip; what was measured before is not measured again."""
        try:
            return self._read(task, measure=True)
        except InputError as error:
            return Reading(faults=dict.fromkeys(self.names, error.message))

    def compare(self, name: str, generated: Features, real: Features) -> Figures:
        """Return the figures of a metric of sets.

        Raises:
            InputError: there is too little to compare.
        """
        return self._set_metric(name).compare(generated, real)

    def _read(self, task: Task, measure: bool) -> Reading:
        """Measure, or only recall.

        Raises:
            InputError: a file cannot be read.
            _NotKeptError: something is not to be measured, and not kept.
        """
        clip, preset = task.clip, self._loaded
        check_source(clip.generated, "video")
        generated = Video(clip.generated, preset)
        real = None if clip.real is None else Video(clip.real, preset)
        reading = Reading()
        self._clip(reading, "generated", Case(generated, real, clip.picture), measure)
        if task.controls and real is not None:
            self._clip(reading, "real", Case(real, None, clip.picture), measure)
        if task.other is not None:
            heard = Video(clip.generated, preset, task.other.generated)
            self._clip(reading, "other sound", Case(heard, None, clip.picture), measure)
        self._set(reading, generated, real, measure)
        return reading

    def _clip(self, reading: Reading, view: Of, case: Case, measure: bool) -> None:
        for name in self.names:
            if name not in CLIP_METRICS or not _is_asked(CLIP_METRICS[name].about, view):
                continue
            try:
                reading.figures[view] |= self._figures(name, case, measure)
            except InputError as error:
                if view == "generated":
                    reading.faults[name] = error.message

    def _figures(self, name: str, case: Case, measure: bool) -> Figures:
        about = CLIP_METRICS[name].about
        real = case.the_real().path if "real" in about.needs else None
        picture = case.the_picture() if "picture" in about.needs else None
        for path, kind in ((real, "video"), (picture, "picture")):
            if path is not None:
                check_source(path, kind)
        sound = case.generated.heard if "sound" in about.needs else None
        key = self._key(name, case.generated, real=real, picture=picture, sound=sound)
        kept = self._kept.figures(key)
        if kept is None:
            kept = _measured(lambda: self._metric(name).measure(case), measure)
            self._kept.keep_figures(key, kept)
        return kept

    def _set(self, reading: Reading, generated: Video, real: Video | None, measure: bool) -> None:
        for name in self.names:
            if name not in SET_METRICS:
                continue
            try:
                theirs = Case(generated, real).the_real()
                check_source(theirs.path, "video")
                both = self._features(name, generated, measure), self._features(name, theirs, measure)
                reading.features[name] = both
            except InputError as error:
                reading.faults[name] = error.message

    def _features(self, name: str, video: Video, measure: bool) -> Features:
        key = self._key(name, video)
        kept = self._kept.features(key)
        if kept is None:
            kept = _measured(lambda: self._set_metric(name).features(video), measure)
            self._kept.keep_features(key, kept)
        return kept

    def _key(self, name: str, video: Video, **others: Path | None) -> str:
        """Name all that a metric's figures depend on."""
        about = METRICS[name].about
        preset = self._loaded.preset.model_dump(mode="json", include=set(about.sections))
        if "tracking" in preset:
            preset["tracking"] = {key: value for key, value in preset["tracking"].items() if key not in _MACHINE}
        hashes = {what: None if path is None else file_hash(path) for what, path in others.items()}
        # What is told of a metric changes with what it does.
        facts = {"metric": name, "source": about.source, "preset": preset, "weights": self._weights(about.weights)}
        return cache.key(video.digest, {**facts, **hashes})

    def _weights(self, entry: str | None) -> list[str]:
        """Return the hashes of an entry of the catalogue as it is on this machine."""
        if entry is None:
            return []
        folder = finder(self._loaded.preset.store)(entry)
        return [file_hash(folder / file.name) for file in catalogue.find(entry).files]

    def _metric(self, name: str) -> ClipMetric:
        if name not in self._clip_metrics:
            self._clip_metrics[name] = CLIP_METRICS[name](*self._means())
        return self._clip_metrics[name]

    def _set_metric(self, name: str) -> SetMetric:
        if name not in self._set_metrics:
            self._set_metrics[name] = SET_METRICS[name](*self._means())
        return self._set_metrics[name]

    def _means(self) -> tuple[LoadedPreset, Finder, torch.device]:
        preset = self._loaded.preset
        return self._loaded, finder(preset.store), set_up_device(preset.device)


class _NotKeptError(Exception):
    """Raised where something is not to be measured, and not kept."""


def _measured(measure: Callable[[], Result], wanted: bool) -> Result:
    if not wanted:
        raise _NotKeptError
    return measure()


def _is_asked(about: About, view: Of) -> bool:
    if view == "real":
        return "real" not in about.needs
    return view == "generated" or "sound" in about.needs
