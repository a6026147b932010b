"""Sections on training."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Positive, Section, Share, expect


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
    body_poses: Share
    """Share of the rows in which skeletons stand in for the body movement map."""
    hand_poses: Share
    """Share of the rows in which hands are drawn over it."""
    loss: LossConfig
    autoencoder: AutoencoderLossConfig
    save_every: Positive
    seed: int

    @model_validator(mode="after")
    def _check(self) -> "TrainingConfig":
        low, high = self.movement_enlargement
        expect(0 < low <= high, "movement_enlargement", "two rising positive numbers", f"{low}, {high}")
        return self
