"""The whole overlay as one picture: person, tiles, figures and the strip of the sound."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from cyberhost_cli.preprocess.overlay import figures, ink, person, sound_strip, tiles
from cyberhost_cli.preprocess.overlay.sound_strip import Strip
from cyberhost_cli.types import (
    BODY,
    FACE,
    LEFT_HAND,
    RIGHT_HAND,
    Box,
    Figure,
    Keypoints,
    Pixels,
    PreparedReference,
    PreparedSpeech,
)

MARGIN = 12
CAPTION = tiles.CAPTION
WIDEST_FIGURES = 600
NARROWEST_FIGURES = 540
WIDTH = 1400
"""The sheet is at least this wide; the figures take what is left."""
SHORTEST = 1.0
"""Seconds that a strip shows at least."""


@dataclass(frozen=True)
class Layout:
    """Where everything lies, in pixels of the sheet."""

    person: tuple[int, int]
    """Left and top."""
    panel: tuple[int, int]
    """Width and height of the person's panel."""
    size: tuple[int, int]
    """Width and height of the sheet, both even as the preset's are."""

    @classmethod
    def of(cls, reference: PreparedReference, strip: bool) -> "Layout":
        """Lay the sheet out for a reference, with or without a strip below."""
        height, width = reference.picture.shape[:2]
        scale = person.enlargement(height)
        panel = (width * scale, height * scale)
        beside = MARGIN + panel[0] + MARGIN + tiles.width(panel[1]) + MARGIN + NARROWEST_FIGURES + MARGIN
        tall = MARGIN + CAPTION + panel[1] + MARGIN + (CAPTION + sound_strip.HEIGHT + MARGIN if strip else 0)
        return cls((MARGIN, MARGIN + CAPTION), panel, (max(WIDTH, beside), tall))

    @property
    def tiles(self) -> tuple[int, int]:
        """Return left and top of the small pictures."""
        return 2 * MARGIN + self.panel[0], MARGIN

    @property
    def figures(self) -> Box:
        """Return the place of the figures."""
        left = self.tiles[0] + tiles.width(self.panel[1]) + MARGIN
        right = min(self.size[0] - MARGIN, left + WIDEST_FIGURES)
        top = self.person[1]
        return Box(float(left), float(top), float(right), float(top + self.panel[1]))

    @property
    def strip(self) -> tuple[int, int]:
        """Return left and top of the strip, right of its gutter."""
        return MARGIN + sound_strip.GUTTER, self.person[1] + self.panel[1] + MARGIN + CAPTION

    @property
    def strip_width(self) -> int:
        """Width of the strip, whatever the length of the recording."""
        return self.size[0] - MARGIN - self.strip[0]


def draw(
    reference: PreparedReference, speech: PreparedSpeech | None, clarity_half: float | None, grid: tuple[int, int]
) -> Pixels:
    """Draw all that was found and heard; `grid` are rows and columns of the model's latents."""
    layout = Layout.of(reference, speech is not None)
    sheet = blank(layout, reference, speech)
    panel = person.Panel(reference, grid).draw(reference.keypoints, person.hand_notes(reference, clarity_half))
    paste(sheet, panel, layout.person)
    if speech is not None:
        strip = Strip(speech, layout.strip_width / max(speech.recording.seconds, SHORTEST))
        paste(sheet, strip.draw(0, layout.strip_width), layout.strip)
    return sheet


def film_size(reference: PreparedReference) -> tuple[int, int]:
    """Return width and height of the frames of a film."""
    return Layout.of(reference, strip=True).size


def blank(layout: Layout, reference: PreparedReference, speech: PreparedSpeech | None) -> Pixels:
    """Draw all that does not move; person and strip are still missing."""
    canvas = Image.new("RGB", layout.size, ink.PAPER)
    pen = ImageDraw.Draw(canvas)
    ink.write(pen, (MARGIN, MARGIN), _describe_reference(reference), ink.FAINT)
    tiles.draw(canvas, layout.tiles, layout.panel[1], tiles.of_reference(reference))
    measured = reference.figures if speech is None else (*reference.figures, *speech.figures)
    place = layout.figures
    ink.write(pen, (place.left, MARGIN), _describe_figures(measured), ink.FAINT)
    ink.write(pen, (place.left, place.top), _describe_points(reference.keypoints), ink.FAINT)
    figures.draw(pen, Box(place.left, place.top + 1.5 * ink.LINE, place.right, place.bottom), measured)
    if speech is not None:
        left, top = layout.strip
        ink.write(pen, (left, top - CAPTION), _describe_speech(speech), ink.FAINT)
        canvas.paste(Image.fromarray(sound_strip.draw_gutter(speech.recording)), (left - sound_strip.GUTTER, top))
    return np.array(canvas)


def paste(sheet: Pixels, part: UInt8[np.ndarray, "h w 3"], at: tuple[int, int]) -> None:
    """Put a part into the sheet at `at` (left, top)."""
    left, top = at
    sheet[top : top + part.shape[0], left : left + part.shape[1]] = part


def _describe_reference(reference: PreparedReference) -> str:
    """Tell the size of the frame and where it was cut from."""
    height, width = reference.picture.shape[:2]
    place = reference.placement
    source = f"{place.picture_width}x{place.picture_height}"
    return f"{width}x{height}, cut from {source} and scaled by {width / place.box.width:.2f}"


def _describe_points(keypoints: Keypoints) -> str:
    """Tell how many points of each part are known."""
    parts = {"body": BODY, "face": FACE, "left hand": LEFT_HAND, "right hand": RIGHT_HAND}
    counts = ((name, keypoints[part, 2]) for name, part in parts.items())
    return "points: " + ", ".join(f"{name} {np.count_nonzero(known)}/{len(known)}" for name, known in counts)


def _describe_figures(measured: tuple[Figure, ...]) -> str:
    """Tell how many figures do not fit."""
    bad = sum(not figure.fits for figure in measured)
    return f"{len(measured)} figures, {bad} out of range" if measured else "nothing was measured"


def _describe_speech(speech: PreparedSpeech) -> str:
    """Tell length and form of the recording."""
    recording = speech.recording
    channels = recording.samples.shape[1]
    sound = f"{recording.seconds:.2f} s at {recording.rate} Hz, {channels} channel{'s' if channels > 1 else ''}"
    return f"{sound}; {speech.frames} frames at {speech.fps} fps, {speech.activity.mean():.0%} of them spoken"
