"""What a preset may say.

No field has a default here: `presets/base.yaml` states each one once, with its source, and other presets extend it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _expect(holds: bool, key: str, expected: str, found: object) -> None:
    if not holds:
        raise ValueError(f"{key}: expected {expected}, found {found}")


def _expect_divisor(divisor: int, widths: tuple[int, ...], key: str, of: str) -> None:
    uneven = [width for width in widths if width % divisor]
    _expect(not uneven, key, f"a divisor of every entry of {of} ({', '.join(map(str, widths))})", divisor)


class Section(BaseModel):
    """A part of a preset; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PictureConfig(Section):
    """Size of the video and how the person is chosen and framed."""

    width: Annotated[int, Field(gt=0, multiple_of=8)]
    height: Annotated[int, Field(gt=0, multiple_of=8)]
    person: Literal["largest", "centred"] | Annotated[int, Field(ge=0)]
    face_heights: Annotated[float, Field(gt=1)]
    """Height of the frame in heights of the face."""
    face_top: Share
    """Where the middle of the face lies, from the top, as a share of the frame's height."""
    face_size: Positive
    hand_size: Positive
    min_side: Positive
    max_pixels: Positive


class DetectionConfig(Section):
    """How people are found in a picture."""

    detector: Literal["mediapipe"]
    min_confidence: Share


class SpeechConfig(Section):
    """How a recording becomes features."""

    encoder: Literal["logmel"]
    sample_rate: Positive
    bands: Positive
    steps_per_frame: Positive
    window: Annotated[int, Field(ge=0)]
    """Neighbouring video frames heard on either side."""
    min_seconds: Annotated[float, Field(gt=0)]
    max_seconds: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _check(self) -> "SpeechConfig":
        _expect(self.min_seconds < self.max_seconds, "min_seconds", "less than max_seconds", self.min_seconds)
        return self

    @property
    def vectors(self) -> int:
        """Feature vectors per video frame."""
        return (2 * self.window + 1) * self.steps_per_frame


class ConditionsConfig(Section):
    """Human-prior-guided conditions at inference."""

    movement: Annotated[float, Field(ge=0)]
    """Side of the body movement rectangle in shoulder widths."""
    clarity: Share


class BackboneConfig(Section):
    """Shape shared by the Reference Net and the denoising U-Net."""

    latent_channels: Positive
    widths: tuple[Positive, ...]
    attention: tuple[bool, ...]
    """Per level: spatial attention there."""
    layers_per_block: Positive
    heads: Positive
    norm_groups: Positive

    @model_validator(mode="after")
    def _check(self) -> "BackboneConfig":
        levels = len(self.widths)
        _expect(len(self.attention) == levels, "attention", f"{levels} entries as in widths", len(self.attention))
        _expect_divisor(self.heads, self.widths, "heads", "widths")
        _expect_divisor(self.norm_groups, self.widths, "norm_groups", "widths")
        return self


class MotionConfig(Section):
    """Motion modules and motion frames."""

    enabled: bool
    heads: Positive
    max_frames: Positive
    frames: Annotated[int, Field(ge=0)]
    """Finished frames of the chunk before that each chunk sees."""


class AudioConfig(Section):
    """Audio projector and audio cross-attention."""

    enabled: bool
    vectors: Positive
    features: Positive
    hidden: Positive
    tokens: Positive
    width: Positive
    scale: float


class RegionConfig(Section):
    """One Region Attention Module."""

    enabled: bool
    spatial_latents: Positive
    temporal_latents: Positive
    identity_widths: tuple[Positive, ...]
    identity_tokens: Positive
    identity_width: Positive


class RegionsConfig(Section):
    """Region Attention Modules, and the levels at which they stand."""

    levels: tuple[bool, ...]
    face: RegionConfig
    hands: RegionConfig
    latents_bank: bool
    identity_descriptor: bool


class PriorsConfig(Section):
    """Which conditions of the paper the model listens to."""

    pose_aligned_reference: bool
    body_movement_map: bool
    hand_clarity_score: bool
    pose_channels: tuple[Positive, ...]
    """Pose Encoder: one entry per halving of the picture, and one for the first layer."""


class AutoencoderConfig(Section):
    """Shape of diffusers' AutoencoderKL."""

    widths: tuple[Positive, ...]
    layers_per_block: Positive
    norm_groups: Positive
    attention: bool

    @model_validator(mode="after")
    def _check(self) -> "AutoencoderConfig":
        _expect_divisor(self.norm_groups, self.widths, "norm_groups", "widths")
        return self

    @property
    def factor(self) -> int:
        """Pixels per latent, along one side."""
        return int(2 ** (len(self.widths) - 1))


class DiffusionConfig(Section):
    """The noise schedule that the weights were trained with."""

    prediction: Literal["sample", "v_prediction", "epsilon"]
    train_steps: Positive
    beta_start: float
    beta_end: float
    zero_terminal_snr: bool


class ModelConfig(Section):
    """The whole model; stored inside every checkpoint."""

    backbone: BackboneConfig
    reference_residual: bool
    """Beyond the paper, for small budgets: the reference at the input and added to the output."""
    motion: MotionConfig
    audio: AudioConfig
    regions: RegionsConfig
    priors: PriorsConfig
    autoencoder: AutoencoderConfig
    diffusion: DiffusionConfig

    @model_validator(mode="after")
    def _check(self) -> "ModelConfig":
        self._check_regions()
        _expect_divisor(self.motion.heads, self.backbone.widths, "motion.heads", "backbone.widths")
        layers, channels = len(self.autoencoder.widths), len(self.priors.pose_channels)
        _expect(channels == layers, "priors.pose_channels", f"{layers} entries as in autoencoder.widths", channels)
        return self

    def _check_regions(self) -> None:
        widths, levels = self.backbone.widths, self.regions.levels
        _expect(
            len(levels) == len(widths), "regions.levels", f"{len(widths)} entries as in backbone.widths", len(levels)
        )
        bare = [str(level) for level, on in enumerate(levels) if on and not self.backbone.attention[level]]
        _expect(
            not bare, "regions.levels", "true only where backbone.attention is", f"true at {', '.join(bare)} as well"
        )
        if not (self.regions.latents_bank and any(levels)):
            return
        # Latents of a bank are orthogonal, so there are no more of them than they are wide.
        narrowest = min(width for width, on in zip(widths, levels, strict=True) if on)
        for name, region in (("face", self.regions.face), ("hands", self.regions.hands)):
            for kind, latents in (("spatial", region.spatial_latents), ("temporal", region.temporal_latents)):
                key = f"regions.{name}.{kind}_latents"
                _expect(latents <= narrowest, key, f"at most {narrowest}, the narrowest level of theirs", latents)

    @property
    def grid(self) -> int:
        """Pixels that both sides of a picture must be a multiple of."""
        return int(self.autoencoder.factor * 2 ** (len(self.backbone.widths) - 1))


class GuidanceConfig(Section):
    """Classifier-free guidance; 1 switches a branch off."""

    reference: float
    audio: float


class SamplingConfig(Section):
    """Solver, steps and chunks."""

    solver: Literal["ddim", "dpm++2m"]
    steps: Positive
    guidance: GuidanceConfig
    chunk_frames: Positive
    overlap: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _check(self) -> "SamplingConfig":
        # A frame must not lie in more than two chunks.
        half = self.chunk_frames // 2
        _expect(self.overlap <= half, "overlap", f"at most {half}, half of chunk_frames", self.overlap)
        return self


class OutputConfig(Section):
    """How frames and sound are written."""

    format: Literal["h264", "prores", "png"]
    crf: Annotated[int, Field(ge=0, le=51)]
    audio_kbps: Positive


class DeviceConfig(Section):
    """Where and how exactly to compute."""

    name: Literal["auto", "cpu", "cuda"]
    dtype: Literal["float32", "bfloat16", "float16"]
    threads: Positive | None
    """Threads of a CPU; none leaves it to torch, which takes one for each core."""


class LossConfig(Section):
    """Weights of the training losses."""

    face: float
    hands: float
    mouth: float
    heatmap: float
    heatmap_below: Positive
    heatmap_probability: Share
    mask: float


class AutoencoderLossConfig(Section):
    """Weights of the autoencoder's losses, beside 1 for the absolute difference of pixels."""

    edges: float
    """Absolute difference of the steps between neighbouring pixels."""
    kl: float
    noise: float
    """Noise on latents before they are decoded, in standard deviations of the latents."""


class TrainingConfig(Section):
    """One stage of training."""

    stage: Literal["autoencoder", "pairs", "clips"]
    """`autoencoder` on crops; `pairs` is the paper's stage 1, `clips` its stage 2."""
    steps: Positive
    batch: Positive
    frames: Positive
    """Frames of each clip in a batch, motion frames not counted."""
    crop: Positive
    """Side of the crops that the autoencoder learns from."""
    face_crop: Positive | None
    """Side of the crops around the face that `pairs` and `clips` learn from; none for whole pictures."""
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "cosine"]
    """Learning rate after the warm-up."""
    warmup: Annotated[int, Field(ge=0)]
    ema: Share
    grad_clip: Annotated[float, Field(gt=0)]
    audio: bool
    """Whether `pairs` trains the audio attention too; the paper's stage 1 does not."""
    terminal: Share
    """Share of the rows that start from pure noise, where sampling in few steps decides most."""
    drop_reference: Share
    drop_audio: Share
    drop_motion: Share
    motion_noise: Annotated[float, Field(ge=0)]
    """Largest deviation of noise on the motion frames' latents, so that a model forgives what it made itself."""
    movement_enlargement: tuple[float, float]
    loss: LossConfig
    autoencoder: AutoencoderLossConfig
    save_every: Positive
    seed: int

    @model_validator(mode="after")
    def _check(self) -> "TrainingConfig":
        low, high = self.movement_enlargement
        _expect(0 < low <= high, "movement_enlargement", "two rising positive numbers", f"{low}, {high}")
        return self


class Preset(Section):
    """Everything that decides what comes out, but for the inputs and the seed."""

    description: str
    checkpoint: str | None
    """Weights file, relative to the preset; none for a preset that only trains."""
    fps: Positive
    picture: PictureConfig
    detection: DetectionConfig
    speech: SpeechConfig
    conditions: ConditionsConfig
    model: ModelConfig
    sampling: SamplingConfig
    output: OutputConfig
    device: DeviceConfig
    training: TrainingConfig

    @model_validator(mode="after")
    def _check(self) -> "Preset":
        self._check_picture()
        self._check_speech()
        self._check_lengths()
        return self

    def _check_picture(self) -> None:
        grid, factor = self.model.grid, self.model.autoencoder.factor
        for key, side in (("width", self.picture.width), ("height", self.picture.height)):
            _expect(side % grid == 0, f"picture.{key}", f"a multiple of {grid}, the coarsest step of the model", side)
        crop = self.training.crop
        _expect(crop % factor == 0, "training.crop", f"a multiple of {factor}, the step of the autoencoder", crop)

    def _check_speech(self) -> None:
        audio, speech = self.model.audio, self.speech
        _expect(
            audio.vectors == speech.vectors,
            "model.audio.vectors",
            f"{speech.vectors}, which is (2 * speech.window + 1) * speech.steps_per_frame",
            audio.vectors,
        )
        _expect(
            audio.features == speech.bands, "model.audio.features", f"speech.bands ({speech.bands})", audio.features
        )

    def _check_lengths(self) -> None:
        motion, steps, limit = self.model.motion, self.sampling.steps, self.model.diffusion.train_steps
        _expect(steps <= limit, "sampling.steps", f"at most model.diffusion.train_steps ({limit})", steps)
        carried = self.sampling.overlap + motion.frames
        _expect(
            self.sampling.chunk_frames >= carried,
            "sampling.chunk_frames",
            f"at least {carried}, sampling.overlap plus model.motion.frames",
            self.sampling.chunk_frames,
        )
        room = motion.max_frames - motion.frames
        for key, frames in (
            ("sampling.chunk_frames", self.sampling.chunk_frames),
            ("training.frames", self.training.frames),
        ):
            _expect(frames <= room, key, f"at most {room}, model.motion.max_frames less model.motion.frames", frames)
