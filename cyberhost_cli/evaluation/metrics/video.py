"""One video file, and what several metrics want of it."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.media.film_sound import read_sound
from cyberhost_cli.media.source import file_hash
from cyberhost_cli.media.video import VideoInfo, probe, read_frames
from cyberhost_cli.pipelines import detectors
from cyberhost_cli.pipelines.progress import silent
from cyberhost_cli.pipelines.track import find_people, follow_one, surely, track_video
from cyberhost_cli.types import Frames, Pixels, VideoPoses

GLIMPSES = 2.5
"""Moments a second at which people are looked at where the mean over a video is all that counts: in between they are
much the same, and looking takes most of the time that measuring takes. Of two clips the means came within 5 % of those
over all frames."""


class Video:
    """A video that is measured. Whatever is asked for raises InputError where the file cannot be read.

    Args:
        path: the file.
        preset: says how people are found and tracked.
        heard: video whose sound is heard instead of its own, as a control.
    """

    def __init__(self, path: Path, preset: LoadedPreset, heard: Path | None = None) -> None:
        self.path = path
        self.heard = heard
        self._preset = preset

    @cached_property
    def info(self) -> VideoInfo:
        """What the container tells."""
        return probe(self.path)

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.info.fps

    @property
    def frames_count(self) -> int:
        """Length in frames, as the container tells it."""
        return self.info.frames

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels, upright."""
        return self.info.height, self.info.width

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return file_hash(self.path)

    def frames(self, fps: int | None = None) -> Iterator[Pixels]:
        """Yield one frame after the other, decoded anew each time; at `fps` by repeating or leaving out, else all."""
        for chunk in read_frames(self.path, 1, fps):
            yield chunk[0]

    def chunks(self, size: int) -> Iterator[Frames]:
        """Yield all frames, decoded anew each time, `size` at once and the rest at last."""
        return read_frames(self.path, size)

    def sound(self, rate: int) -> Float32[np.ndarray, "samples"]:
        """Return the sound from the first frame to the end of the last, one channel of `rate` samples a second.

        Raises:
            InputError: there is no sound track.
        """
        return next(read_sound(self.heard or self.path, [(0.0, self.frames_count / self.fps)], rate))

    @cached_property
    def poses(self) -> VideoPoses:
        """Keypoints of the person in every frame, as `cyberhost track` finds and smooths them.

        Raises:
            InputError: nobody is seen.
        """
        return track_video(self.path, self._preset, silent)

    @cached_property
    def glimpses(self) -> VideoPoses:
        """Keypoints at a few moments, `GLIMPSES` a second, neither smoothed nor with gaps filled.

        Raises:
            InputError: nobody is seen.
        """
        preset = _as_detected(self._preset).preset
        step = max(1, round(self.fps / GLIMPSES))
        if "poses" in vars(self):
            # Its people are kept. Each frame's are the same, whatever others were looked at.
            found = find_people(self.path, preset, self.frames_count, silent)[::step]
        else:
            detector = detectors.pose_detector(preset.detection, preset.store)
            found = [detector.detect(frame) for frame in islice(self.frames(), 0, None, step)]
        track = follow_one(surely(found, preset), preset.picture.person, preset, self.size, self.fps / step)
        return VideoPoses(track, self.fps / step, self.size[1], self.size[0])


def _as_detected(loaded: LoadedPreset) -> LoadedPreset:
    """Return a preset by which points stay where they are detected, and no gap is filled."""
    tracking = loaded.preset.tracking.model_copy(update={"max_gap": 0.0, "min_cutoff": float("inf")})
    return replace(loaded, preset=loaded.preset.model_copy(update={"tracking": tracking}))
