"""Sections on the shape of the model."""

import math
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


class PromptConfig(Section):
    """Tokens of the reference picture in the cross-attention that hears text in Stable Diffusion; in both U-Nets."""

    enabled: bool
    features: Positive
    """Width of the identity that `detection.embedder` gives."""
    tokens: Positive
    width: Positive
    projected: bool
    """Whether a layer makes the tokens of the identity; else it is one token itself."""
    tiled: bool
    """Whether the tokens of the reference and of nobody take turns over the motion frames."""

    @model_validator(mode="after")
    def _check(self) -> "PromptConfig":
        same = self.projected or (self.tokens == 1 and self.width == self.features)
        expect(same, "tokens", "1 as wide as features where projected is false", f"{self.tokens} of {self.width}")
        return self


class MotionConfig(Section):
    """Motion modules and motion frames."""

    enabled: bool
    levels: tuple[bool, ...]
    """Per level: motion modules there; the middle always has one."""
    heads: Positive
    max_frames: Positive
    frames: Annotated[int, Field(ge=0)]
    """Finished frames of the chunk before that each chunk sees."""


class AudioConfig(Section):
    """Audio projector and audio cross-attention."""

    enabled: bool
    place: Literal["cross_attention", "modules"]
    """In the transformer blocks themselves, or in modules of their own behind them (Hallo)."""
    projected: bool
    """Whether a projector makes the tokens; else the vectors are the tokens themselves."""
    vectors: Positive
    features: Positive
    hidden: Positive
    tokens: Positive
    width: Positive
    scale: float

    @model_validator(mode="after")
    def _check(self) -> "AudioConfig":
        same = self.projected or (self.tokens, self.width) == (self.vectors, self.features)
        wanted = f"{self.vectors} of width {self.features}, as vectors, where projected is false"
        expect(same, "tokens", wanted, f"{self.tokens} of width {self.width}")
        scaled = self.place == "cross_attention" or self.scale == 1
        expect(scaled, "scale", "1 in modules, which scale nothing", self.scale)
        return self


class RegionConfig(Section):
    """One Region Attention Module."""

    enabled: bool
    spatial_latents: Positive
    temporal_latents: Positive
    identity_features: Positive | None
    """Width of the identity that `detection.embedder` gives; none for a trained encoder of the crop."""
    identity_widths: tuple[Positive, ...]
    """Of the encoder of the crop."""
    identity_tokens: Positive
    identity_width: Positive
    mask_channels: Positive
    """Of the mask predictor, between its convolutions."""

    @model_validator(mode="after")
    def _check(self) -> "RegionConfig":
        if self.identity_features is None:
            square = math.isqrt(self.identity_tokens) ** 2 == self.identity_tokens
            expect(square, "identity_tokens", "a square number, of the crop's cells", self.identity_tokens)
            expect_divisor(8, self.identity_widths, "the groups of a norm", "identity_widths")
        return self


class RegionsConfig(Section):
    """Region Attention Modules, and the levels at which they stand."""

    levels: tuple[bool, ...]
    face: RegionConfig
    hands: RegionConfig
    latents_bank: bool
    identity_descriptor: bool

    @model_validator(mode="after")
    def _check(self) -> "RegionsConfig":
        read = self.hands.identity_features
        expect(read is None, "hands.identity_features", "null, since hands have a trained encoder", read)
        return self


Map = Literal["movement", "body", "hands", "face"]
"""What may be drawn for the denoiser: the body movement map, whole skeletons, hands alone, the region of the face."""


class PriorsConfig(Section):
    """Which conditions of the paper the model listens to."""

    pose_aligned_reference: bool
    maps: tuple[Map, ...]
    """Drawn maps that the denoiser learned to follow; without any it has no Pose Encoder."""
    hand_clarity_score: bool
    pose_channels: tuple[Positive, ...]
    """Pose Encoder: one entry per halving of the picture, and one for the first layer."""

    @model_validator(mode="after")
    def _check(self) -> "PriorsConfig":
        expect(len(set(self.maps)) == len(self.maps), "maps", "each map once", ", ".join(self.maps))
        # It says where the face may be throughout, the others where something is in each frame.
        expect("face" not in self.maps or len(self.maps) == 1, "maps", "nothing beside face", ", ".join(self.maps))
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

    @model_validator(mode="after")
    def _check(self) -> "DiffusionConfig":
        # Of pure noise the noise says nothing of the picture.
        told = self.prediction != "epsilon" or not self.zero_terminal_snr
        expect(told, "zero_terminal_snr", "false with the prediction epsilon", True)
        return self


class ModelConfig(Section):
    """The whole model; stored inside every checkpoint."""

    backbone: BackboneConfig
    reference_residual: bool
    """Beyond the paper, for small budgets: the reference at the input and added to the output."""
    prompt: PromptConfig
    motion: MotionConfig
    audio: AudioConfig
    regions: RegionsConfig
    priors: PriorsConfig
    autoencoder: AutoencoderConfig
    diffusion: DiffusionConfig

    @property
    def carries_hands(self) -> bool:
        """Whether the reference beside the noise shows hands, and the body with them, where they are driven to."""
        return self.reference_residual and "hands" in self.priors.maps

    @model_validator(mode="after")
    def _check(self) -> "ModelConfig":
        self._check_regions()
        self._check_attention()
        expect_divisor(self.motion.heads, self.backbone.widths, "motion.heads", "backbone.widths")
        layers, channels = len(self.autoencoder.widths), len(self.priors.pose_channels)
        expect(channels == layers, "priors.pose_channels", f"{layers} entries as in autoencoder.widths", channels)
        return self

    def _check_attention(self) -> None:
        levels, given = len(self.backbone.widths), len(self.motion.levels)
        expect(given == levels, "motion.levels", f"{levels} entries as in backbone.widths", given)
        crowded = self.prompt.enabled and self.audio.enabled and self.audio.place == "cross_attention"
        expect(not crowded, "audio.place", "modules where prompt.enabled, which takes the cross-attention", "it too")
        face, prompt = self.regions.face.identity_features, self.prompt
        one = not prompt.enabled or face is None or face == prompt.features
        expect(one, "prompt.features", f"{face}, as regions.face.identity_features", prompt.features)

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
    def identity_features(self) -> int | None:
        """Width of the identity of the face that the model reads; none where it reads none."""
        face = self.regions.face
        if self.prompt.enabled:
            return self.prompt.features
        wanted = any(self.regions.levels) and face.enabled and self.regions.identity_descriptor
        return face.identity_features if wanted else None

    @property
    def grid(self) -> int:
        """Pixels that both sides of a picture must be a multiple of."""
        return int(self.autoencoder.factor * 2 ** (len(self.backbone.widths) - 1))
