"""What the readers are worth: what they read of clips of actors they never saw, beside the truth."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from cyberhost_cli.evaluation import examples, hands
from cyberhost_cli.evaluation.readers import Readers, Reading
from cyberhost_cli.evaluation.sync import correlation
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, ClipTruth

LOST = 0.01
"""Share of the frames of a seen hand in which the reader may say that it is lost."""
_HIGHEST = 0.5


@dataclass(frozen=True)
class Trial:
    """A clip as it is and as it was read."""

    truth: ClipTruth
    reading: Reading

    @property
    def hands(self) -> Bool[np.ndarray, "f 2"]:
        """Whether each hand is to be seen."""
        return hands.there(self.truth.keypoints)


def try_out(readers: Readers, path: Path) -> Trial:
    """Read a clip."""
    frames, truth = examples.read_clip(path)
    return Trial(truth, readers.read(frames))


def choose_threshold(trials: Sequence[Trial]) -> float:
    """Return the confidence that all but a share of `LOST` of the hands that are to be seen have."""
    there = np.concatenate([each.reading.hand_confidence[each.hands] for each in trials])
    return min(_HIGHEST, float(np.quantile(there, LOST))) if len(there) else _HIGHEST


def tell(trials: Sequence[Trial], threshold: float) -> Iterator[str]:
    """Yield lines that say how good the readers are."""
    read, true = (
        np.concatenate(part) for part in zip(*((t.reading.mouth, t.truth.mouth) for t in trials), strict=True)
    )
    each = [correlation(t.reading.mouth, t.truth.mouth) for t in trials]
    yield f"mouth: correlation {correlation(read, true):.3f} over all frames"
    yield f"mouth: correlation {np.mean(each):.3f} mean of {len(each)} clips, lowest {min(each):.3f} (wanted: 0.9)"
    sure = np.concatenate([t.reading.hand_confidence for t in trials])
    there = np.concatenate([t.hands for t in trials])
    seen = sure >= threshold
    yield f"hands: {there.mean():.3f} of {there.size} are to be seen; seen from a confidence of {threshold:.3f}"
    yield f"hands: right in {(seen == there).mean():.4f}, lost {_share(~seen[there])}, made up {_share(seen[~there])}"
    wrong = np.concatenate([_errors(t)[t.hands & (t.reading.hand_confidence >= threshold)] for t in trials])
    if len(wrong):
        yield f"hands: points {np.mean(wrong):.2f} pixels off, 95 of 100 hands less than {np.quantile(wrong, 0.95):.2f}"


def _share(which: Bool[np.ndarray, "n"]) -> str:
    return f"{which.mean():.4f} of {len(which)}" if len(which) else "none of 0"


def _errors(trial: Trial) -> Float32[np.ndarray, "f 2"]:
    """Return the mean distance of each hand's points, of those that are to be seen, in pixels."""
    errors = []
    for part in (LEFT_HAND, RIGHT_HAND):
        off = np.hypot(*np.moveaxis(trial.reading.keypoints[:, part, :2] - trial.truth.keypoints[:, part, :2], -1, 0))
        known = trial.truth.keypoints[:, part, 2] > 0
        errors.append((off * known).sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    return np.stack(errors, axis=1).astype(np.float32)
