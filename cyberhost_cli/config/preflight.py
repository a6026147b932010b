"""Sections on what is measured of the inputs before anything is generated, and what of it fits."""

from pydantic import model_validator

from cyberhost_cli.config.section import Section, expect

Range = tuple[float | None, float | None]
"""Lowest and highest value that fits; none where there is no such limit."""


class Limits(Section):
    """The figures of one part of the inputs, each under its own name."""

    @model_validator(mode="after")
    def _check(self) -> "Limits":
        for name, (low, high) in self:
            expect(low is None or high is None or low < high, name, "the lower limit first", f"[{low}, {high}]")
        return self


class BodyLimits(Limits):
    """The body as the detector sees it."""

    confidence: Range


class FaceLimits(Limits):
    """The face as it is in the picture; lengths in its pixels, light 0..1, angles in degrees."""

    confidence: Range
    height: Range
    sharpness: Range
    light: Range
    blown: Range
    contrast: Range
    covered: Range
    features: Range
    colours: Range
    turn: Range
    tilt: Range
    eyes: Range
    mouth: Range


class HandLimits(Limits):
    """The hands as they are in the picture."""

    seen: Range
    size: Range


class FrameLimits(Limits):
    """What the frame holds; its enlargement and padding have their limits among those of the picture."""

    shoulders: Range


class LimbLimits(Limits):
    """Lengths of parts of the body, as shares of its width between the shoulders."""

    head: Range
    upper_arm: Range
    forearm: Range
    hand: Range


class RecordingLimits(Limits):
    """The recording; levels in dB, frequencies in hertz, the rest as shares."""

    seconds: Range
    peak: Range
    offset: Range
    clipped: Range
    bandwidth: Range
    speech: Range
    noise_ratio: Range
    modulation: Range
    held: Range
    tones: Range


class PreflightConfig(Section):
    """Figures outside these limits are warned of; each key is the name of its figure."""

    strict: bool
    """Whether they are errors instead."""
    body: BodyLimits
    face: FaceLimits
    hands: HandLimits
    frame: FrameLimits
    limbs: LimbLimits
    recording: RecordingLimits
