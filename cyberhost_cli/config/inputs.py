"""Sections on what is read: the picture, the recording and what is derived from them."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Positive, Section, Share, expect

CLIP = "clip-image-encoder"
"""What `cyberhost weights list` calls the embedder `clip`."""


class PictureConfig(Section):
    """Size of the video and how the person is chosen and framed."""

    width: Annotated[int, Field(gt=0, multiple_of=8)]
    height: Annotated[int, Field(gt=0, multiple_of=8)]
    person: Literal["largest", "centred"] | Annotated[int, Field(ge=0)]
    face_heights: Annotated[float, Field(gt=1)]
    """Height of the frame in heights of the face."""
    face_top: Share
    """Where the middle of the face lies, from the top, as a share of the frame's height."""
    max_face_heights: Annotated[float, Field(gt=1)]
    """How far the frame may grow so that shoulders and hands are in it."""
    max_upscale: Annotated[float, Field(gt=0)]
    """A frame that is enlarged more than this is warned of."""
    max_padding: Share
    """A larger share of the frame beyond the picture is warned of."""
    feather: Annotated[float, Field(gt=0, le=0.5)]
    """Width of the soft edge of a composite, as a share of the frame's shorter side."""
    max_composite_side: Annotated[int, Field(ge=64)]
    """A composite of a larger picture is scaled down to this longer side."""
    face_size: Positive
    hand_size: Positive
    min_side: Positive
    max_pixels: Positive

    @model_validator(mode="after")
    def _check(self) -> "PictureConfig":
        expected = f"at least {self.face_heights:g}, the value of face_heights"
        expect(self.max_face_heights >= self.face_heights, "max_face_heights", expected, self.max_face_heights)
        return self


class DetectionConfig(Section):
    """How people and their faces are found in a picture."""

    detector: Literal["mediapipe", "dwpose"]
    """Finds bodies, hands and faces."""
    faces: Literal["keypoints", "insightface"]
    """Where the five points of a face come from; `keypoints` takes them from the detector's."""
    embedder: Literal["arcface", "clip"] | None
    """Turns a face, or with `clip` the whole reference, into an identity; none leaves it out."""
    face_models: Literal["buffalo_l", "antelopev2"]
    """InsightFace's models: the smaller ones, or those that Hallo was trained with."""
    min_confidence: Share

    @model_validator(mode="after")
    def _check(self) -> "DetectionConfig":
        # Its points serve the embedder alone.
        expect(self.faces == "keypoints" or self.embedder is not None, "embedder", "arcface beside faces", None)
        return self

    @property
    def identity_weights(self) -> str | None:
        """Name in `cyberhost weights list` of what makes an identity."""
        return {"arcface": self.face_models, "clip": CLIP, None: None}[self.embedder]


class TrackingConfig(Section):
    """How the poses of a whole video are found."""

    min_cutoff: Annotated[float, Field(gt=0)]
    """One-Euro filter: hertz that pass when a point rests."""
    beta: Annotated[float, Field(ge=0)]
    """One-Euro filter: hertz more per heights of the person's box per second that a point moves."""
    max_gap: Annotated[float, Field(ge=0)]
    """Seconds without a point that are filled from before and after."""
    workers: Positive
    """Processes that look for people at the same time."""
    piece_frames: Positive
    """Frames after which what was found is kept, so that a stopped run goes on there."""


class SpeechConfig(Section):
    """How a recording becomes features."""

    encoder: Literal["logmel", "wav2vec2", "whisper", "hallo", "echomimic_v2"]
    """The last two are wav2vec2 and whisper exactly as the public models of these names were trained with."""
    weights: str | None
    """Name in `cyberhost weights list`, or a folder of transformers; none for log-mel, which needs none."""
    sample_rate: Positive
    features: Positive
    """Width of one vector: mel bands, or the width of the encoder's states."""
    layers: Positive
    """Vectors at one time: 1 for log-mel, else one per hidden state that is taken."""
    steps_per_frame: Positive
    window: Annotated[int, Field(ge=0)]
    """Neighbouring video frames heard on either side."""
    piece_seconds: Annotated[float, Field(gt=0)]
    """Long recordings go through an encoder in pieces of this length."""
    piece_overlap: Annotated[float, Field(ge=0)]
    """Seconds that neighbouring pieces share; over the middle third the one is faded into the other."""
    isolation: Literal["deepfilternet"] | None
    """Takes noise and music away before the encoder listens; none leaves the sound as it is."""
    activity: Literal["silero"] | None
    """Tells where somebody speaks; none tells nothing."""
    min_seconds: Annotated[float, Field(ge=0.02)]
    max_seconds: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _check(self) -> "SpeechConfig":
        expect(self.min_seconds < self.max_seconds, "min_seconds", "less than max_seconds", self.min_seconds)
        half = self.piece_seconds / 2
        expect(
            self.piece_overlap <= half, "piece_overlap", f"at most {half:g}, half of piece_seconds", self.piece_overlap
        )
        if self.encoder == "logmel":
            expect(self.weights is None, "weights", "none, since logmel needs no weights", self.weights)
        else:
            wanted = f"those of {self.encoder}, as in `cyberhost weights list`"
            expect(self.weights is not None, "weights", wanted, self.weights)
        if self.encoder == "hallo":
            expect(self.steps_per_frame == 1, "steps_per_frame", "1, the pace of hallo", self.steps_per_frame)
        return self

    @property
    def vectors(self) -> int:
        """Feature vectors per video frame."""
        return (2 * self.window + 1) * self.steps_per_frame * self.layers

    @property
    def stride(self) -> int:
        """Feature vectors from one frame's window to the next one's."""
        # At 24 frames per second its windows move by two steps or three; each is kept whole.
        return self.vectors if self.encoder == "echomimic_v2" else self.steps_per_frame * self.layers


class ConditionsConfig(Section):
    """Human-prior-guided conditions at inference."""

    movement: Annotated[float, Field(ge=0)]
    """Side of the body movement rectangle in shoulder widths."""
    face_region: Annotated[float, Field(ge=1)]
    """How much larger than the face its region is drawn, for models that read one."""
    clarity: Share


class GesturesConfig(Section):
    """How hands gesture where nobody drives them."""

    interval: Annotated[float, Field(gt=0)]
    """Seconds at least between two strokes."""
    pause: Annotated[float, Field(gt=0)]
    """Seconds without speech in which hands go back to rest."""
    size: Annotated[float, Field(gt=0)]
    """How far strokes go beside those of the actors."""
    speed: Annotated[float, Field(gt=0)]
    """Lengths of the arm per second that no wrist exceeds."""
    unasked: bool
    """Whether hands gesture where neither a video nor poses drive anything."""
    place: Literal["body", "picture"]
    """Both hands move before the body as actors' do; or those of the picture, each about where it is."""


class StoreConfig(Section):
    """Where files lie that are fetched or kept between runs."""

    models: str | None
    """Folder with one folder for each name of `cyberhost weights list`; none looks in the cache of the hub alone."""
    cache_megabytes: Annotated[int, Field(ge=0)]
    """How large the cache of prepared pictures, and that of poses in videos, may grow; 0 switches them off."""
