"""Driving: poses of a video, fitted to the person and the length of the recording."""

import logging
from dataclasses import dataclass
from pathlib import Path

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.media.track import is_track, read_track
from cyberhost_cli.pipelines.progress import Progress
from cyberhost_cli.pipelines.track import track_video
from cyberhost_cli.preprocess import retarget
from cyberhost_cli.types import Driving, PreparedReference, VideoPoses

logger = logging.getLogger(__name__)

SEEN = 0.8
"""Share of the frames that should show what drives."""


@dataclass(frozen=True)
class Drivers:
    """Where poses come from, each a video or a track of `cyberhost track`; at most one of them."""

    pose_video: Path | None = None
    """Whole skeletons take the place of the body movement map (paper: video-driven)."""
    hand_poses: Path | None = None
    """Hands are driven, the rest follows the recording (paper: multimodal-driven)."""

    @property
    def path(self) -> Path | None:
        """What is to be read."""
        return self.pose_video or self.hand_poses


NOBODY = Drivers()
"""Sound alone drives (paper: audio-driven)."""


def check_drivers(drivers: Drivers) -> None:
    """Refuse two drivers at once.

    Raises:
        UsageError: whole skeletons and hands are both wanted.
    """
    if drivers.pose_video is not None and drivers.hand_poses is not None:
        raise UsageError("whole poses and hands cannot both be driven", "give one of `--pose-video`, `--hand-poses`")


def check_driven(driven: bool, loaded: LoadedPreset) -> None:
    """Refuse poses for a model that never learned to follow them.

    Raises:
        UsageError: the preset's model knows no pose maps.
    """
    if driven and not loaded.preset.model.priors.pose_maps:
        raise UsageError(
            f"the model of preset `{loaded.name}` has not learned to follow poses (`model.priors.pose_maps`)",
            "leave the driving video out, or name weights that were trained with poses",
        )


def drive(
    drivers: Drivers, reference: PreparedReference, frames: int, loaded: LoadedPreset, progress: Progress
) -> Driving | None:
    """Read or find the poses, and fit them to the reference's body and to so many frames.

    Raises:
        InputError: the video cannot be read, or never shows what shall drive.
    """
    if drivers.path is None:
        return None
    poses = _read(drivers.path, loaded, progress)
    track = retarget.resample(poses.keypoints, poses.fps, loaded.preset.fps, frames)
    if drivers.pose_video is not None:
        driving = Driving("body", retarget.fit(track, reference.keypoints))
    else:
        driving = Driving("hands", retarget.fit_hands(track, reference.keypoints))
    _check_seen(driving, drivers.path)
    return driving


def _check_seen(driving: Driving, path: Path) -> None:
    """Refuse poses that show nothing, and warn of those that show little."""
    share = float((driving.keypoints[:, :, 2] > 0).any(axis=1).mean())
    advice = f"use a video in which the {driving.kind} can be seen throughout"
    if share == 0:
        raise InputError(f"`{path}` never shows the {driving.kind} that shall drive", advice)
    if share < SEEN:
        logger.warning("`%s` shows the %s in %.0f %% of the frames; %s", path, driving.kind, 100 * share, advice)


def _read(path: Path, loaded: LoadedPreset, progress: Progress) -> VideoPoses:
    return read_track(path) if is_track(path) else track_video(path, loaded, progress)
