"""Whether what steers a model does what it says: the masks of its hand regions, movement and clarity."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from cyberhost_cli.evaluation import hand_masks, nets, readers
from cyberhost_cli.evaluation.actors import Actor
from cyberhost_cli.evaluation.readers import Reading
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.generate import generate
from cyberhost_cli.pipelines.progress import Progress
from cyberhost_cli.preprocess import clarity, regions
from cyberhost_cli.types import Figure, Frames, PreparedClip

SIZES = tuple(np.linspace(0.0, 0.15, 5).tolist())
"""Sides of the body movement map that are tried, in widths of the shoulders."""
SCORES = tuple(np.linspace(0.1, 0.95, 5).tolist())
"""Hand clarity scores that are tried."""
MASK, MOVEMENT, CLARITY = "hands.mask", "movement.rank", "clarity.rank"
"""Names of the figures."""
ACTORS, FRAMES = 8, 50
"""How many actors are looked at, and for how long."""
RESTING = 0.001
"""Speed of hands, in lengths of the arm per second, while bodies are looked at: one that passes before a shoulder moves
where it is read, at a size of 0 by more than bodies go at the largest."""
_SAME = 0.01
"""Share of the largest value by which others may differ and count as the same."""
_MARGINS = (0.05, 0.95)
"""Quantiles between which a body ranges, since a single frame may be misread."""

Film = Callable[[Actor, PreparedClip], Frames]


@dataclass(frozen=True)
class Probe:
    """Something that was varied, and what came of it."""

    varied: tuple[float, ...]
    found: tuple[float, ...]

    @property
    def rank(self) -> float:
        """Spearman's rank correlation; 0 where all that was found is about the same, whose order says nothing."""
        if np.ptp(self.found) <= _SAME * np.max(np.abs(self.found)):
            return 0.0
        return float(np.corrcoef(_ranks(self.varied), _ranks(self.found))[0, 1])


@dataclass(frozen=True)
class Probes:
    """All probes; None where nothing could be measured."""

    overlap: Probe | None
    """Intersection over union of the predicted hand mask and the boxes of the hands, by timestep."""
    movement: Probe
    """Range of the middle of the shoulders in widths of the picture, by size of the movement map."""
    clarity: Probe | None
    """Deviation of the Laplacian of the hands, by clarity score."""
    unmeasured: Mapping[str, str]
    """Why figures are missing, by their names."""

    @staticmethod
    def read(told: Mapping[str, Any]) -> "Probes":
        """Return what `asdict` made of them, and JSON of that."""
        overlap, movement, clear = (_read(told[name]) for name in ("overlap", "movement", "clarity"))
        if movement is None:
            raise ValueError("no movement")
        return Probes(overlap, movement, clear, dict(told["unmeasured"]))

    def judge(self) -> list[Figure]:
        """Return what a model is judged by."""
        figures = []
        if self.overlap is not None:
            meaning = "overlap of predicted hand masks with the hands, mean over timesteps"
            figures.append(_figure(MASK, float(np.mean(self.overlap.found)), 0.4, meaning))
        figures.append(_figure(MOVEMENT, self.movement.rank, 0.8, "the body moves as far as the map says"))
        if self.clarity is not None:
            figures.append(_figure(CLARITY, self.clarity.rank, 0.8, "hands are as sharp as the score says"))
        return figures


def probe(actors: Sequence[Actor], model: CyberHost, progress: Progress) -> Probes:
    """Try everything on some of the actors; `progress` is told of clips."""
    actors = actors[:ACTORS]
    shown = [actor for actor in actors if actor.shown.any()]
    total = len(actors) * len(SIZES) + len(shown) * len(SCORES)
    done = 0

    def film(actor: Actor, clip: PreparedClip) -> Frames:
        nonlocal done
        frames = np.concatenate(list(generate(_shortened(clip), model, actor.preset, 0)))
        done += 1
        progress(done, total)
        return frames

    progress(0, total)
    movement = Probe(SIZES, tuple(_mean(_range(film, actor, size) for actor in actors) for size in SIZES))
    masks, clear = overlapping(actors, model), _clarity(film, shown)
    missing = {name: part for name, part in ((MASK, masks), (CLARITY, clear)) if isinstance(part, str)}
    return Probes(
        None if isinstance(masks, str) else masks, movement, None if isinstance(clear, str) else clear, missing
    )


def body_range(reading: Reading, width: int) -> float:
    """Return how far the middle of the shoulders gets about, in widths of the picture."""
    middles = reading.keypoints[:, list(nets.SHOULDERS), :2].mean(axis=1)
    first, last = np.quantile(middles, _MARGINS, axis=0)
    return float(np.hypot(*(last - first))) / width


def sharpness(frames: Frames, reading: Reading, shown: Bool[np.ndarray, "2"], side: int) -> float | None:
    """Return the mean deviation of the Laplacian of the hands that should be seen, each cut to `side` pixels.

    None where none of them is read in any frame.
    """
    found = []
    for frame, keypoints in zip(frames, reading.keypoints, strict=True):
        boxes = zip(regions.hand_boxes(keypoints), shown, strict=True)
        found += [clarity.deviation(regions.crop(frame, box, side)) for box, wanted in boxes if wanted and box]
    return float(np.mean(found)) if found else None


def overlap(counts: Iterable[Sequence[tuple[int, int]]]) -> tuple[float, ...]:
    """Return the intersection over union at each timestep, of the cells of all windows together."""
    common, either = np.sum(list(counts), axis=0).T
    return tuple((common / np.maximum(either, 1)).tolist())


def _range(film: Film, actor: Actor, size: float) -> float:
    conditions = actor.preset.conditions.model_copy(update={"movement": size})
    resting = actor.preset.gestures.model_copy(update={"speed": RESTING})
    frames = film(actor, actor.told(conditions, resting))
    return body_range(readers.load().read(frames), frames.shape[2])


def _clarity(film: Film, shown: Sequence[Actor]) -> Probe | str:
    """Return the sharpness at each score, over the actors whose hands are read at all of them; or why not."""
    if not shown:
        return "no actor shows a hand throughout"
    found = [[_sharpness(film, actor, score) for score in SCORES] for actor in shown]
    read = [[each for each in row if each is not None] for row in found]
    whole = [row for row in read if len(row) == len(SCORES)]
    if not whole:
        return "no hand is seen in what is generated"
    return Probe(SCORES, tuple(np.mean(whole, axis=0).tolist()))


def _sharpness(film: Film, actor: Actor, score: float) -> float | None:
    conditions = actor.preset.conditions.model_copy(update={"clarity": score})
    frames = film(actor, actor.told(conditions, actor.preset.gestures))
    return sharpness(frames, readers.load().read(frames), actor.shown, actor.preset.picture.hand_size)


def overlapping(actors: Sequence[Actor], model: CyberHost) -> Probe | str:
    """Return the overlap at each timestep over all frames that show hands; or why there is none."""
    if not model.config.regions.hands.enabled:
        return "the model has no hand modules"
    counts = [found.areas() for actor in actors if (found := hand_masks.predict(actor, model)) is not None]
    if not counts:
        return "no clip has a window that shows a hand"
    return Probe(tuple(map(float, hand_masks.TIMESTEPS)), overlap(counts))


def _read(told: Mapping[str, Any] | None) -> Probe | None:
    return None if told is None else Probe(tuple(told["varied"]), tuple(told["found"]))


def _shortened(clip: PreparedClip) -> PreparedClip:
    speech = clip.speech
    short = replace(speech, features=speech.features[:FRAMES], activity=speech.activity[:FRAMES])
    return replace(clip, speech=short)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _figure(name: str, value: float, low: float, meaning: str) -> Figure:
    return Figure(name, value, low, None, meaning, "train longer")


def _ranks(values: Sequence[float]) -> Float64[np.ndarray, "n"]:
    """Return the place of each value in their order; those that are equal share theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts + 1) / 2)[places])
