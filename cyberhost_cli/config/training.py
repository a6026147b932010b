"""Sections on training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Positive, Section, Share, expect, expect_divisor

Count = Annotated[int, Field(ge=0)]


class LossConfig(Section):
    """Weights of the training losses."""

    weighting: Literal["prediction", "velocity", "min_snr"]
    """Of timesteps: each alike in the space of the prediction, as a velocity would weigh them, or min-SNR."""
    snr_limit: Annotated[float, Field(gt=0)]
    """Largest weight that `velocity` gives to a clean frame; gamma of `min_snr`."""
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


class DistillationConfig(Section):
    """How few steps a student takes, and what its teacher does in each of them."""

    steps: Positive
    """Steps of the student, without guidance."""
    teacher_steps: Positive
    """Steps of the guided teacher in each of the student's."""
    reference: float
    """The teacher's guidance, as in `sampling.guidance`."""
    audio: float


class ValidationConfig(Section):
    """Clips that are rendered now and then, to be looked at and measured."""

    every: Count
    """Steps between them; 0 renders none."""
    clips: Positive


class TrainingConfig(Section):
    """One stage of training."""

    stage: Literal["autoencoder", "pairs", "clips", "distillation"]
    """`autoencoder` on crops; `pairs` is the paper's stage 1, `clips` its stage 2; `distillation` to few steps."""
    steps: Positive
    batch: Positive
    """Rows of a step, over all processes."""
    accumulate: Positive
    """Passes into which each process divides its rows."""
    workers: Count
    """Processes that read and prepare batches for each process that trains; 0 does it in between."""
    frames: Positive
    """Frames of each clip in a batch, motion frames not counted."""
    crop: Positive
    """Side of the crops that the autoencoder learns from."""
    optimiser: Literal["adamw", "adamw8bit"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["constant", "cosine"]
    """Learning rate after the warm-up."""
    warmup: Count
    ema: Share
    grad_clip: Annotated[float, Field(gt=0)]
    precision: Literal["float32", "bfloat16"]
    """Of the arithmetic; weights and their averages are float32."""
    parallel: Literal["ddp", "fsdp"]
    """How several processes share the work: each with the whole model, or with a share of it."""
    checkpointing: bool
    """Whether activations are computed again on the way back, which takes less memory and more time."""
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
    body_poses: Share
    """Share of the rows in which skeletons stand in for the body movement map."""
    hand_poses: Share
    """Share of the rows in which hands are drawn over it."""
    loss: LossConfig
    autoencoder: AutoencoderLossConfig
    distillation: DistillationConfig
    validation: ValidationConfig
    save_every: Positive
    seed: int

    @model_validator(mode="after")
    def _check(self) -> "TrainingConfig":
        low, high = self.movement_enlargement
        expect(0 < low <= high, "movement_enlargement", "two rising positive numbers", f"{low}, {high}")
        expect_divisor(self.accumulate, (self.batch,), "accumulate", "batch")
        return self
