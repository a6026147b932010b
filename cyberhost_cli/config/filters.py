"""Section on which parts of filmed videos are fit to train on."""

from typing import Annotated

from pydantic import Field, model_validator

from cyberhost_cli.config.section import Section, Share, expect

Above = Annotated[float, Field(gt=0)]


class FiltersConfig(Section):
    """What a piece of a filmed video must be to be kept."""

    min_seconds: Above
    """Shorter shots are dropped."""
    max_seconds: Above
    """Longer shots are divided."""
    cut_change: Share
    """How much pictures change at least where a film is cut, 0 not at all to 1."""
    cut_ratio: Above
    """How many times more they change there than around it."""
    fade_change: Share
    """Share of the picture that takes other colours within a second where one shot fades into another."""
    look_seconds: Above
    """Time between two looks for people, before all frames are searched."""
    one_person: Share
    """Share of the looks in which exactly one person must be seen."""
    other_face: Share
    """Faces smaller than this, in heights of the largest one, are passers-by."""
    facing: Share
    """Share of the frames in which the face must be found, turned to the camera."""
    max_turn: Annotated[float, Field(gt=0, le=90)]
    """Degrees by which a face that is turned to the camera may look aside."""
    max_jump: Above
    """How far the head may move between two frames, in heights of the face."""
    min_frame: Annotated[float, Field(gt=0, le=1)]
    """How small the frame may become, in heights of the usual one, where the film has no room for that."""
    max_shift: Share
    """Share of its sides by which the frame may move there."""
    max_padding: Share
    """Share of the frame that may lie beyond the film even so."""
    min_hands: Share
    """Share of the frames in which a hand must be seen; 0 keeps pieces without hands."""
    min_light: Share
    """Grey level that the brightest parts of the face must have."""
    min_sharpness: Annotated[float, Field(ge=0)]
    """Sharpness that the face must have, as `face.sharpness` of the preflight."""
    min_speech: Share
    """Share of the time in which somebody must speak."""
    max_offset_frames: Annotated[int, Field(ge=0, le=15)]
    """Frames by which sound and lips may be apart."""
    min_sync: Annotated[float, Field(ge=0)]
    """How clearly lips and sound must go together, in standard deviations of what chance gives."""

    @model_validator(mode="after")
    def _check(self) -> "FiltersConfig":
        expected = f"at least {2 * self.min_seconds:g}, twice min_seconds, since parts must not be too short either"
        expect(self.max_seconds >= 2 * self.min_seconds, "max_seconds", expected, self.max_seconds)
        return self
