"""Sections on the shape of the model."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Positive, Section, expect, expect_divisor


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
        expect(len(self.attention) == levels, "attention", f"{levels} entries as in widths", len(self.attention))
        expect_divisor(self.heads, self.widths, "heads", "widths")
        expect_divisor(self.norm_groups, self.widths, "norm_groups", "widths")
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
    pose_maps: bool
    """Whether it learned to follow the skeletons of a driving video in place of the body movement map."""
    hand_clarity_score: bool
    pose_channels: tuple[Positive, ...]
    """Pose Encoder: one entry per halving of the picture, and one for the first layer."""

    @model_validator(mode="after")
    def _check(self) -> "PriorsConfig":
        # Both are read by one Pose Encoder.
        expect(self.body_movement_map or not self.pose_maps, "pose_maps", "false without body_movement_map", True)
        return self


class AutoencoderConfig(Section):
    """Shape of diffusers' AutoencoderKL."""

    widths: tuple[Positive, ...]
    layers_per_block: Positive
    norm_groups: Positive
    attention: bool

    @model_validator(mode="after")
    def _check(self) -> "AutoencoderConfig":
        expect_divisor(self.norm_groups, self.widths, "norm_groups", "widths")
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
        expect_divisor(self.motion.heads, self.backbone.widths, "motion.heads", "backbone.widths")
        layers, channels = len(self.autoencoder.widths), len(self.priors.pose_channels)
        expect(channels == layers, "priors.pose_channels", f"{layers} entries as in autoencoder.widths", channels)
        return self

    def _check_regions(self) -> None:
        widths, levels = self.backbone.widths, self.regions.levels
        expect(
            len(levels) == len(widths), "regions.levels", f"{len(widths)} entries as in backbone.widths", len(levels)
        )
        bare = [str(level) for level, on in enumerate(levels) if on and not self.backbone.attention[level]]
        expect(
            not bare, "regions.levels", "true only where backbone.attention is", f"true at {', '.join(bare)} as well"
        )
        if not (self.regions.latents_bank and any(levels)):
            return
        # Latents of a bank are orthogonal, so there are no more of them than they are wide.
        narrowest = min(width for width, on in zip(widths, levels, strict=True) if on)
        for name, region in (("face", self.regions.face), ("hands", self.regions.hands)):
            for kind, latents in (("spatial", region.spatial_latents), ("temporal", region.temporal_latents)):
                key = f"regions.{name}.{kind}_latents"
                expect(latents <= narrowest, key, f"at most {narrowest}, the narrowest level of theirs", latents)

    @property
    def grid(self) -> int:
        """Pixels that both sides of a picture must be a multiple of."""
        return int(self.autoencoder.factor * 2 ** (len(self.backbone.widths) - 1))
