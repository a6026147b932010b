"""Driving: poses of a video, of a file, or of gestures that go with the speech, fitted to the person and the speech."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyberhost_cli.config.load import LoadedPreset
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.media.pose_folder import is_pose_folder, read_pose_folder
from cyberhost_cli.media.sound import resample_mono
from cyberhost_cli.media.track import is_track, read_track
from cyberhost_cli.pipelines.progress import Progress
from cyberhost_cli.pipelines.track import track_video
from cyberhost_cli.preprocess import movement, retarget
from cyberhost_cli.preprocess.gestures.hands import gesture
from cyberhost_cli.preprocess.speech import prosody
from cyberhost_cli.types import Driving, PreparedReference, PreparedSpeech, VideoPoses

logger = logging.getLogger(__name__)

SEEN = 0.8
"""Share of the frames that should show what drives."""


@dataclass(frozen=True)
class Drivers:
    """Where poses come from: a video, a track of `cyberhost track`, a folder of EchoMimicV2; at most one of them."""

    pose_video: Path | None = None
    """Whole skeletons take the place of the body movement map (paper: video-driven)."""
    hand_poses: Path | Literal["auto"] | None = None
    """Hands are driven, the rest follows the recording (paper: multimodal-driven); `auto` are gestures of our own."""

    @property
    def kind(self) -> Literal["body", "hands"] | None:
        """What is driven."""
        if self.pose_video is not None:
            return "body"
        return None if self.hand_poses is None else "hands"

    @property
    def path(self) -> Path | None:
        """What is to be read."""
        return self.pose_video or (None if self.hand_poses == "auto" else self.hand_poses)


NOBODY = Drivers()
"""Sound alone drives (paper: audio-driven)."""


def check_drivers(drivers: Drivers) -> None:
    """Refuse two drivers at once.

    Raises:
        UsageError: whole skeletons and hands are both wanted.
    """
    if drivers.pose_video is not None and drivers.hand_poses is not None:
        raise UsageError("whole poses and hands cannot both be driven", "give one of `--pose-video`, `--hand-poses`")


def check_driven(kind: Literal["body", "hands"] | None, loaded: LoadedPreset) -> None:
    """Refuse poses for a model that never learned to follow them, and none for one that learned nothing else.

    Raises:
        UsageError: the preset's model does not know poses of this kind, or knows whole poses alone and gets none.
    """
    maps = loaded.preset.model.priors.maps
    if kind is None and maps == ("body",):
        raise UsageError(
            f"the model of preset `{loaded.name}` follows nothing but whole poses, and there are none",
            "give a video of somebody, or a track of one, with `--pose-video`",
        )
    if kind is not None and kind not in maps:
        raise UsageError(
            f"the model of preset `{loaded.name}` has not learned to follow poses of {_NAMES[kind]} "
            f"(`model.priors.maps` is [{', '.join(maps)}])",
            f"leave `{_OPTIONS[kind]}` out, or name weights that were trained with such poses",
        )


_NAMES = {"body": "the whole body", "hands": "hands"}
_OPTIONS = {"body": "--pose-video", "hands": "--hand-poses"}


def chosen(drivers: Drivers, loaded: LoadedPreset) -> Drivers:
    """Return the drivers, `auto` for hands where nobody is given and the preset lets hands gesture by themselves."""
    if drivers.kind is None and loaded.preset.gestures.unasked:
        logger.info("no poses are given; hands gesture by themselves (`--set gestures.unasked=false` leaves it out)")
        return Drivers(hand_poses="auto")
    return drivers


def drive(
    drivers: Drivers,
    reference: PreparedReference,
    speech: PreparedSpeech,
    loaded: LoadedPreset,
    progress: Progress,
    seed: int,
) -> Driving | None:
    """Read, find or make up the poses, and fit them to the reference's body and to the length of the speech.

    `progress` is told of the frames of a driving video; the same `seed` gives the same gestures.

    Raises:
        InputError: the video or file cannot be read, or never shows what shall drive.
    """
    if drivers.hand_poses == "auto":
        return gesturing(reference, speech, loaded.preset, seed)
    if drivers.path is None:
        return None
    poses = _read(drivers.path, loaded, progress)
    track = retarget.resample(poses.keypoints, poses.fps, loaded.preset.fps, speech.frames)
    if drivers.kind == "body":
        driving = Driving("body", retarget.fit(track, reference.keypoints))
    else:
        driving = Driving("hands", retarget.fit_hands(track, reference.keypoints))
    _check_seen(driving, drivers.path)
    return driving


def gesturing(reference: PreparedReference, speech: PreparedSpeech, preset: Preset, seed: int) -> Driving:
    """Make up hands that speak along, and where they are those of the picture, a body that sways with them."""
    heard = prosody.find(resample_mono(speech.recording, prosody.RATE), speech.activity, speech.fps)
    height, width = reference.picture.shape[:2]
    clip = (speech.frames, speech.fps)
    reach = movement.wanted(reference.keypoints, preset.conditions.movement).width
    return Driving("hands", gesture(heard, reference.keypoints, (height, width), clip, preset.gestures, reach, seed))


def _check_seen(driving: Driving, path: Path) -> None:
    """Refuse poses that show nothing, and warn of those that show little."""
    share = float((driving.keypoints[:, :, 2] > 0).any(axis=1).mean())
    advice = f"use a video in which the {driving.kind} can be seen throughout"
    if share == 0:
        raise InputError(f"`{path}` never shows the {driving.kind} that shall drive", advice)
    if share < SEEN:
        logger.warning("`%s` shows the %s in %.0f %% of the frames; %s", path, driving.kind, 100 * share, advice)


def _read(path: Path, loaded: LoadedPreset, progress: Progress) -> VideoPoses:
    if is_pose_folder(path):
        return read_pose_folder(path)
    return read_track(path) if is_track(path) else track_video(path, loaded, progress)
