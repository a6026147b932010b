"""Frozen dataclasses handed between rooms.

Axis names, here and in every signature: `b` batch, `f` frames, `c` channels, `h w` latent grid, `H W` pixels,
`t` tokens, `d` width, `r` regions (face, hands), `n` samples. Pixels are RGB, sound is float32 in -1..1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from cyberhost_cli.rows import Rows, Windows

KEYPOINTS = 133
"""Whole-body points of COCO-WholeBody, the layout of DWPose: 17 body, 6 feet, 68 face, 21 left hand, 21 right hand."""

BODY, FEET, FACE, LEFT_HAND, RIGHT_HAND = slice(0, 17), slice(17, 23), slice(23, 91), slice(91, 112), slice(112, 133)

BLOCK = 1 << 16
"""Samples of a recording that are in memory at once."""

Pixels = UInt8[np.ndarray, "H W 3"]
Frames = UInt8[np.ndarray, "f H W 3"]
Keypoints = Float32[np.ndarray, "133 3"]
"""x, y in pixels (continuous, pixel centres at .5) and confidence 0..1; 0 means that the point is not known."""
KeypointTrack = Float32[np.ndarray, "f 133 3"]


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, right and bottom excluded."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Right minus left."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Bottom minus top."""
        return self.bottom - self.top

    @property
    def centre(self) -> tuple[float, float]:
        """Return x, y of the middle."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Person:
    """One person found in a picture."""

    keypoints: Keypoints
    box: Box


@dataclass(frozen=True)
class Face:
    """One face found in a picture."""

    box: Box
    points: Float32[np.ndarray, "5 2"]
    """x, y of the eyes, the tip of the nose and the corners of the mouth, those on the picture's left first."""
    confidence: float


@dataclass(frozen=True)
class Placement:
    """Where the frame of the video lies in the picture that it was cut from."""

    box: Box
    """In pixels of the upright picture; may reach beyond it."""
    picture_height: int
    picture_width: int


@dataclass(frozen=True)
class Figure:
    """One measured figure of an input, and the range in which a good video can be expected."""

    name: str
    """As `face.height`; the same in every output."""
    value: float
    low: float | None
    """None where nothing is too low."""
    high: float | None
    """None where nothing is too high."""
    meaning: str
    """What is measured, in what unit."""
    advice: str
    """What to do where it does not fit."""

    @property
    def fits(self) -> bool:
        """Tell whether the value lies in the range."""
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)


@dataclass(frozen=True)
class Levels:
    """What one pass over a recording tells of every channel."""

    lowest: Float64[np.ndarray, "c"]
    highest: Float64[np.ndarray, "c"]
    mean: Float64[np.ndarray, "c"]
    power: Float64[np.ndarray, "c c"]
    """Mean products of channels: with weights `w`, the power of their mix is `w @ power @ w`."""
    broken: int
    """Samples that are not finite."""

    @property
    def peak(self) -> float:
        """The largest distance of a sample from zero."""
        return float(max(self.highest.max(), -self.lowest.min()))


@dataclass(frozen=True)
class Recording:
    """Sound as it was recorded."""

    samples: Float32[np.ndarray, "n c"] | Rows
    """(n, c), in memory or read from disk in slices."""
    rate: int

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return len(self.samples) / self.rate

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.samples.shape[1]

    def blocks(self) -> Iterator[Float32[np.ndarray, "_m c"]]:
        """Yield all samples, a second or more at once."""
        for start in range(0, len(self.samples), BLOCK):
            yield self.samples[start : start + BLOCK]

    @cached_property
    def levels(self) -> Levels:
        """Measured when it is first asked for; sums are of double precision, an hour's would stop growing in single."""
        lowest, highest = np.full(self.channels, np.inf), np.full(self.channels, -np.inf)
        total, products, broken = np.zeros(self.channels), np.zeros((self.channels, self.channels)), 0
        for block in self.blocks():
            broken += int(np.count_nonzero(~np.isfinite(block)))
            lowest, highest = np.minimum(lowest, block.min(axis=0)), np.maximum(highest, block.max(axis=0))
            exact = block.astype(np.float64)
            total += exact.sum(axis=0)
            products += exact.T @ exact
        return Levels(lowest, highest, total / len(self.samples), products / len(self.samples), broken)


@dataclass(frozen=True)
class FaceMasks:
    """Where the face is in the reference, as Hallo is told; 255 within. The last three have soft edges and cells."""

    region: UInt8[np.ndarray, "H W"]
    """A rectangle in which the face may move."""
    background: UInt8[np.ndarray, "64 64"]
    face: UInt8[np.ndarray, "64 64"]
    """Without the lips."""
    lips: UInt8[np.ndarray, "64 64"]


@dataclass(frozen=True)
class PreparedReference:
    """All that the model is told about the person, at the preset's size."""

    picture: Pixels
    keypoints: Keypoints
    skeleton: Pixels
    """Limbs drawn on black: the pose that aligns the reference."""
    face: UInt8[np.ndarray, "s s 3"]
    hands: UInt8[np.ndarray, "2 q q 3"]
    """Left and right, black where a hand is not seen."""
    movement: UInt8[np.ndarray, "H W"]
    """Body movement map: 255 within the rectangle that the chest may reach."""
    clarity: Float32[np.ndarray, "2"]
    """Hand clarity score wanted of the left and the right hand, 0..1."""
    deviation: Float32[np.ndarray, "2"]
    """Standard deviation of the Laplacian of the left and the right hand as they are, 0 where one is not seen."""
    identity: Float32[np.ndarray, "_d"]
    """What tells this face from others; empty where the preset names no embedder."""
    embedder: str | None
    """Weights that made it, by their name in `cyberhost weights list`."""
    face_masks: FaceMasks | None
    """None for models that read none."""
    placement: Placement
    figures: tuple[Figure, ...]
    """What was measured before anything is generated."""


@dataclass(frozen=True)
class PreparedSpeech:
    """All that the model is told about the recording, and the recording itself for the video's sound track."""

    features: Float32[np.ndarray, "f t d"] | Windows
    """(f, t, d), in memory or read from disk: per video frame, the `t` feature vectors of its window."""
    stride: int
    """Vectors by which the window moves from frame to frame; it shares the others with its neighbours."""
    activity: Float32[np.ndarray, "f"]
    """Per video frame, how likely somebody speaks, 0..1; 1 where the preset names no detector of voices."""
    recording: Recording
    fps: int
    figures: tuple[Figure, ...]
    """What was measured before anything is generated."""
    encoder: str
    """What made the features, as presets name it."""

    @property
    def frames(self) -> int:
        """Length of the video in frames."""
        return len(self.features)


@dataclass(frozen=True)
class VideoPoses:
    """The poses of one person in a video."""

    keypoints: KeypointTrack
    """In pixels of the video."""
    fps: float
    width: int
    height: int


@dataclass(frozen=True)
class Driving:
    """Poses that a video gave, fitted to the reference and the length of the recording."""

    kind: Literal["body", "hands"]
    """`body`: whole skeletons stand in for the body movement map; `hands`: hands are drawn over it."""
    keypoints: KeypointTrack
    """In pixels of the video to be made. With hands, shoulders and face are known where these move too."""


@dataclass(frozen=True)
class PreparedClip:
    """A reference and a speech, ready to be sampled."""

    reference: PreparedReference
    speech: PreparedSpeech
    driving: Driving | None

    @property
    def frames(self) -> int:
        """Length of the video in frames."""
        return self.speech.frames


@dataclass(frozen=True)
class Phone:
    """One sound of a speech, in IPA, as espeak writes it: a mark of stress stands before the vowel."""

    symbol: str
    start: float
    """Seconds."""
    end: float


@dataclass(frozen=True)
class ClipTruth:
    """What is known exactly about a rendered clip."""

    keypoints: KeypointTrack
    """Confidence 1 where a point is seen, 0 where something hides it or it lies outside; hands hide no shoulders."""
    mouth: Float32[np.ndarray, "f"]
    """Opening between the inner lips, as a share of the face's height."""
    fps: int
    actor: int
    """Seed of the actor; clips of one seed show one person."""
    faces: Float32[np.ndarray, "f 4"]
    """Left, top, right, bottom of the face from chin to hairline, in pixels; zeros where it is not in view."""
    hands: Float32[np.ndarray, "f 2 4"]
    """The same of what is seen of the left and the right hand."""
    phones: tuple[Phone, ...]
    """All that is said."""
    text: str
    """The sentences that the clip is cut from."""
    series: int | None = None
    """Seed of all the clips that were made with it; none where they were made before this was told."""


@dataclass(frozen=True)
class Marks:
    """What an output says about its own making."""

    preset: str
    seed: int
    checkpoint: str
    """SHA-256 of the weights file."""
