"""What a clip, or a part of a long film, is to a dataset: a piece to keep, or one that was dropped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.types import Frames, KeypointTrack


@dataclass(frozen=True)
class Piece:
    """A piece that fits the preset: its picture, its rate and its sound."""

    name: str
    """Of the sample: the stem of its source, with a number (`talk-000`) where one source gives several."""
    source: str
    """Name of the file that it comes from."""
    start: float
    """Seconds from the beginning of the source."""
    frames: Frames
    """At the preset's size and rate."""
    keypoints: KeypointTrack
    """In pixels of the frames; what is not known has confidence 0."""
    samples: Float32[np.ndarray, "n"]
    """As long as the frames, one channel at `speech.sample_rate`."""
    film: Path | None = None
    """MP4 that holds these very frames, to be kept as it is; None where they are to be encoded."""
    mouth: Float32[np.ndarray, "f"] | None = None
    """Opening of the mouth as a share of the face's height, where it is known exactly."""
    facts: Mapping[str, object] = field(default_factory=dict)
    """What else JSON can hold of it, such as the text, the phonemes or how well its lips fit its sound."""


@dataclass(frozen=True)
class Dropped:
    """A piece, or a whole film, that is not trained on."""

    name: str
    source: str
    seconds: float
    """How much of the source is lost."""
    reason: str
    """One of few words, by which a report counts: `short`, `several people`, `no hands`, `lips`."""
    detail: str
    """What was measured and what was expected, in one line."""
