"""Sections on how a video is sampled, written and computed."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Positive, Section, expect


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
