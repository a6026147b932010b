"""Sections on how a video is sampled, written and computed."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Positive, Section, Share, expect


class GuidanceConfig(Section):
    """Classifier-free guidance; 1 switches a branch off."""

    reference: float
    audio: float
    keep_map: bool
    """Whether the branch without the reference still sees the drawn map."""
    interval: tuple[Share, Share]
    """First and last part of the steps that are guided, 0..1; the others predict the full branch alone."""
    limit: Annotated[float, Field(gt=0)] | None
    """How far guidance leads from the full branch in a cell of latents, at most; null is any distance."""

    @model_validator(mode="after")
    def _check(self) -> "GuidanceConfig":
        first, last = self.interval
        expect(first <= last, "interval", "the first share no larger than the second", list(self.interval))
        return self


class SamplingConfig(Section):
    """Solver, steps and chunks."""

    solver: Literal["ddim", "dpm++2m", "unipc", "euler", "lcm"]
    steps: Positive
    spacing: Annotated[float, Field(ge=1)]
    """With `lcm`: power that draws timesteps towards little noise; 1 leaves them even."""
    guidance: GuidanceConfig
    plan: Literal["sequential", "windows"]
    """One chunk after the other with motion frames carried over, or a step the mean of the windows around a frame."""
    chunk_frames: Positive
    overlap: Annotated[int, Field(ge=0)]
    shift: Annotated[int, Field(ge=0)]
    """Windows move on by so many frames with every step, so that no join stays in one place."""
    deep_every: Positive
    """The deep layers run in every so many steps, the others take what they said last (DeepCache, Ma et al., 2023)."""
    noise_limit: Annotated[float, Field(gt=0)] | None
    """Where the first noise is cut off, in standard deviations."""
    hold: Share
    """How far hands that are carried stay what the picture shows; 0 leaves them to the model."""
    detail: Share
    """How much of what the autoencoder loses of the picture is given back where a frame keeps it; 0 is none."""

    @model_validator(mode="after")
    def _check(self) -> "SamplingConfig":
        # A frame must not lie in more than two chunks.
        half = self.chunk_frames // 2
        expect(self.overlap <= half, "overlap", f"at most {half}, half of chunk_frames", self.overlap)
        even = self.solver == "lcm" or self.spacing == 1
        expect(even, "spacing", f"1 with the solver {self.solver}, only lcm takes another", self.spacing)
        return self


class OutputConfig(Section):
    """How frames and sound are written."""

    format: Literal["h264", "prores", "png"]
    crf: Annotated[int, Field(ge=0, le=51)]
    audio_kbps: Positive


class MemoryConfig(Section):
    """What is computed at once and what waits in the host's memory; the result is the same up to rounding."""

    branches: Positive
    """Branches of guidance in one pass of the denoiser, at most."""
    windows: Positive
    """Windows in one pass of the denoiser, at most."""
    offload: bool
    """Whether all but the denoiser comes to the GPU only for its own passes."""


class DeviceConfig(Section):
    """Where and how exactly to compute."""

    name: Literal["auto", "cpu", "cuda"]
    dtype: Literal["float32", "bfloat16", "float16"]
    threads: Positive | None
    """Threads of a CPU; none leaves it to torch, which takes one for each core."""
    memory: str
    """Name of the section of `memory` that holds."""
    compile: bool
    """Whether `torch.compile` compiles the U-Net's blocks; takes minutes once, is kept between runs."""
