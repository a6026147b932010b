"""Sections on how a video is sampled, written and computed."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Positive, Section, expect


class GuidanceConfig(Section):
    """Classifier-free guidance; 1 switches a branch off."""

    reference: float
    audio: float
    keep_map: bool
    """Whether the branch without the reference still sees the drawn map."""


class SamplingConfig(Section):
    """Solver, steps and chunks."""

    solver: Literal["ddim", "dpm++2m"]
    steps: Positive
    guidance: GuidanceConfig
    plan: Literal["sequential", "windows"]
    """One chunk after the other with motion frames carried over, or all of them together in each step."""
    chunk_frames: Positive
    overlap: Annotated[int, Field(ge=0)]
    looped: bool
    """Whether the last window goes on at the first frame, so that the ends see each other."""
    shift: Annotated[int, Field(ge=0)]
    """Looped windows move on by so many frames with every step; 0 leaves them in place."""
    noise_limit: Annotated[float, Field(gt=0)] | None
    """Where the first noise is cut off, in standard deviations."""

    @model_validator(mode="after")
    def _check(self) -> "SamplingConfig":
        # A frame must not lie in more than two chunks.
        half = self.chunk_frames // 2
        expect(self.overlap <= half, "overlap", f"at most {half}, half of chunk_frames", self.overlap)
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
