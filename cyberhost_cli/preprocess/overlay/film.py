"""The overlay as a film: the strip passes under a playhead, and driven poses move."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from cyberhost_cli.preprocess.overlay import ink, person, sheet, sound_strip
from cyberhost_cli.preprocess.overlay.sheet import Layout
from cyberhost_cli.preprocess.overlay.sound_strip import Strip
from cyberhost_cli.types import (
    LEFT_HAND,
    RIGHT_HAND,
    Driving,
    Frames,
    Keypoints,
    Pixels,
    PreparedReference,
    PreparedSpeech,
)

SPAN = 10.0
"""Seconds of the strip that are seen at once."""
CHUNK = 8
"""Frames yielded at once."""
CLOCK = 230
"""Width of the place for the time, at the right above the strip."""


def film(
    reference: PreparedReference,
    speech: PreparedSpeech,
    driving: Driving | None,
    clarity_half: float | None,
    grid: tuple[int, int],
) -> Iterator[Frames]:
    """Yield one frame of `film_size` for every frame of the speech."""
    layout = Layout.of(reference, strip=True)
    tape = Tape(speech, layout.strip_width)
    panel = person.Panel(reference, grid, movement=driving is None or driving.kind != "body")
    still = sheet.blank(layout, reference, speech)
    notes = person.hand_notes(reference, clarity_half)
    sheet.paste(still, panel.draw(reference.keypoints, notes), layout.person)
    for first in range(0, speech.frames, CHUNK):
        numbers = range(first, min(first + CHUNK, speech.frames))
        frames = np.stack([still] * len(numbers))
        for frame, number in zip(frames, numbers, strict=True):
            if driving is not None:
                pose = driven_pose(reference.keypoints, driving, number)
                sheet.paste(frame, panel.draw(pose, ("left hand", "right hand")), layout.person)
            sheet.paste(frame, tape.draw(number / speech.fps), layout.strip)
            _draw_clock(frame, layout, number, speech)
        yield frames


def driven_pose(own: Keypoints, driving: Driving, number: int) -> Keypoints:
    """Return the driving pose of a frame; where hands alone are driven the rest is the reference's own."""
    pose = driving.keypoints[number]
    if driving.kind == "body":
        return pose
    mixed = own.copy()
    hands = slice(LEFT_HAND.start, RIGHT_HAND.stop)
    mixed[hands] = pose[hands]
    return mixed


class Tape:
    """A window of a strip, some seconds wide, with a playhead that stays in its middle where it can."""

    def __init__(self, speech: PreparedSpeech, width: int) -> None:
        self._strip = Strip(speech, width / min(max(speech.recording.seconds, sheet.SHORTEST), SPAN))
        self._width = width
        self._pieces: dict[int, Pixels] = {}

    def place(self, seconds: float) -> tuple[int, int]:
        """Return the first column that is seen at a time, and the column of the playhead within the window."""
        column = round(seconds * self._strip.pixels_per_second)
        first = min(max(0, column - self._width // 2), max(0, self._strip.length - self._width))
        return first, min(column - first, self._width - 1)

    def draw(self, seconds: float) -> Pixels:
        """Draw the window at a time."""
        first, column = self.place(seconds)
        number, offset = divmod(first, self._width)
        # Only what is in sight is kept, and each piece is drawn once while it passes.
        self._pieces = {key: drawn for key, drawn in self._pieces.items() if key in (number, number + 1)}
        left, right = self._piece(number), self._piece(number + 1)
        seen = np.concatenate([left[:, offset:], right[:, :offset]], axis=1)
        seen[: sound_strip.AXIS.start, max(0, column - 1) : column + 1] = ink.PLAYHEAD
        return seen

    def _piece(self, number: int) -> Pixels:
        if number not in self._pieces:
            self._pieces[number] = self._strip.draw(number * self._width, self._width)
        return self._pieces[number]


def _draw_clock(frame: Pixels, layout: Layout, number: int, speech: PreparedSpeech) -> None:
    left, top = layout.strip
    canvas = Image.new("RGB", (CLOCK, sheet.CAPTION), ink.PAPER)
    text = f"{number / speech.fps:.2f} s  frame {number}  voice {speech.activity[number]:.2f}"
    ink.write(ImageDraw.Draw(canvas), (CLOCK - 2, 0), text, ink.PLAYHEAD, anchor="ra")
    sheet.paste(frame, np.asarray(canvas), (left + layout.strip_width - CLOCK, top - sheet.CAPTION))
