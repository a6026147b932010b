"""Batches of windows of clips, each with a reference frame of the same clip."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from cyberhost_cli.config.model import Map
from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.preprocess import maps, movement, regions
from cyberhost_cli.training.dataset import ClipExample
from cyberhost_cli.training.latents import Latents
from cyberhost_cli.types import KeypointTrack

FAR = 0.5
"""Share of the references that are drawn from the half of the clip's frames that is farthest from the window."""


@dataclass(frozen=True)
class Batch:
    """What a diffusion stage learns from in one step; crops are in -1..1, drawn maps and masks in 0..1."""

    latents: Float[Tensor, "b f c h w"]
    motion: Float[Tensor, "b m c h w"]
    """Latents of the frames before the window; the reference's, repeated, where there are none."""
    reference: Float[Tensor, "b c h w"]
    skeleton: Float[Tensor, "b 3 H W"]
    """Pose of the reference."""
    face: Float[Tensor, "b 3 s s"]
    hands: Float[Tensor, "b 2 3 q q"]
    identity: Float[Tensor, "b _d"]
    pose: Float[Tensor, "b _k 3 H W"]
    """The body movement map, or for each frame what a driving video would tell."""
    speech: Float[Tensor, "b f t d"]
    deviation: Float[Tensor, "b f 2"]
    """Of the Laplacian of the left and the right hand."""
    masks: Float[Tensor, "b f 3 h w"]
    """Face, hands, mouth."""
    keypoints: Float[Tensor, "b f 133 3"]


GRID, PICTURE = ("latents", "motion", "reference", "masks"), ("skeleton", "pose")
"""What lies on the latent grid, and what in pixels."""

JITTER = 0.25
"""How far the middle of a crop may be from that of the face, in sides of the crop."""


@dataclass(frozen=True)
class Window:
    """One row of a batch, drawn but not yet read."""

    clip: int
    start: int
    reference: int
    has_motion: bool
    enlargement: float
    """Of the movement rectangle."""
    driving: Literal["hands", "body"] | None
    """What is driven by poses; the rest is by sound."""
    top: int
    left: int
    side: int | None
    """A crop on the latent grid, if any."""


def sample_batch(
    clips: Sequence[ClipExample],
    latents: Sequence[Latents],
    training: TrainingConfig,
    motion_frames: int,
    known: Collection[Map],
    generator: torch.Generator,
) -> Batch:
    """Draw a batch for a model that knows these maps; all chance comes from `generator`."""
    random = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    windows = [draw_window(clips, training, motion_frames, random) for _ in range(training.batch)]
    rows = [
        _cut(_read(clips[each.clip], latents[each.clip], each, training, motion_frames, known), each)
        for each in windows
    ]
    return Batch(**{name: torch.from_numpy(np.stack([row[name] for row in rows])) for name in rows[0]})


def draw_window(
    clips: Sequence[ClipExample], training: TrainingConfig, motion_frames: int, random: np.random.Generator
) -> Window:
    """Draw a window of `training.frames` frames and a reference frame."""
    clip = int(random.integers(len(clips)))
    length = len(clips[clip])
    start = int(random.integers(length - training.frames + 1))
    top, left, side = _crop(clips[clip], start, training.face_crop, random)
    return Window(
        clip,
        start,
        _reference(length, start + training.frames / 2, random),
        start >= motion_frames and random.random() >= training.drop_motion,
        random.uniform(*training.movement_enlargement),
        _driving(training, random),
        top,
        left,
        side,
    )


def _driving(training: TrainingConfig, random: np.random.Generator) -> Literal["hands", "body"] | None:
    """Draw what drives a row; a preset without poses asks no chance, so that its batches stay what they were."""
    if not _poses(training):
        return None
    chance = random.random()
    if chance < training.body_poses:
        return "body"
    return "hands" if chance < training.body_poses + training.hand_poses else None


def _crop(
    clip: ClipExample, start: int, face_crop: int | None, random: np.random.Generator
) -> tuple[int, int, int | None]:
    """Draw top, left and side of a crop around the face of frame `start`, on the latent grid."""
    if face_crop is None:
        return 0, 0, None
    grid = np.array(clip.masks.shape[2:])
    factor = clip.frames.shape[1] // int(grid[0])
    side = face_crop // factor
    x, y = regions.known_face(clip.keypoints[start]).centre
    middle = np.array([y, x]) / factor + random.uniform(-JITTER, JITTER, 2) * side
    top, left = np.clip(np.rint(middle - side / 2), 0, grid - side).astype(int).tolist()
    return top, left, side


def _cut(row: dict[str, np.ndarray], window: Window) -> dict[str, np.ndarray]:
    """Cut the row's arrays to the window's crop."""
    if window.side is None:
        return row
    factor = row["pose"].shape[-1] // row["latents"].shape[-1]
    for names, scale in ((GRID, 1), (PICTURE, factor)):
        top, left, side = (scale * each for each in (window.top, window.left, window.side))
        for name in names:
            row[name] = np.ascontiguousarray(row[name][..., top : top + side, left : left + side])
    row["keypoints"] = _moved(row["keypoints"], factor * window.left, factor * window.top, factor * window.side)
    return row


def _reference(length: int, middle: float, random: np.random.Generator) -> int:
    """Draw a frame; with probability `FAR` one that is far from the window's `middle`."""
    farthest_first = np.argsort(-np.abs(np.arange(length) + 0.5 - middle), kind="stable")
    candidates = farthest_first[: (length + 1) // 2] if random.random() < FAR else farthest_first
    return int(random.choice(candidates))


def _read(
    clip: ClipExample,
    latents: Latents,
    window: Window,
    training: TrainingConfig,
    motion_frames: int,
    known: Collection[Map],
) -> dict[str, np.ndarray]:
    """Return the row's arrays by their names in a `Batch`."""
    span = slice(window.start, window.start + training.frames)
    reference = latents[window.reference].astype(np.float32)
    if window.has_motion:
        before = latents[window.start - motion_frames : window.start].astype(np.float32)
    else:
        before = np.repeat(reference[None], motion_frames, axis=0)
    return {
        "latents": latents[span].astype(np.float32),
        "motion": before,
        "reference": reference,
        "skeleton": _share(_channels_first(clip.skeletons[window.reference])),
        "face": _signed(clip.faces[window.reference]),
        "hands": _signed(clip.hands[window.reference]),
        "identity": clip.identity,
        "pose": _share(_channels_first(_pose_maps(clip, window, span, training, known))),
        "speech": clip.speech[span],
        "deviation": clip.deviation[span],
        "masks": _share(clip.masks[span]),
        "keypoints": clip.keypoints[span],
    }


def _pose_maps(
    clip: ClipExample, window: Window, span: slice, training: TrainingConfig, known: Collection[Map]
) -> UInt8[np.ndarray, "_k H W 3"]:
    """Draw what tells the model where the body goes, black where it knows no map for what drives this row."""
    if window.driving == "body":
        return clip.skeletons[span]
    box = movement.rectangle(clip.keypoints, window.enlargement)
    rectangle = movement.draw(box, *clip.frames.shape[1:3])
    drawn = maps.draw(known, rectangle, window.driving, clip.keypoints[span])
    if drawn is None:
        drawn = np.zeros_like(maps.grey(rectangle))
    # One for all frames, or as many as other rows of the batch have.
    return np.repeat(drawn, training.frames, axis=0) if len(drawn) == 1 and _poses(training) else drawn


def _poses(training: TrainingConfig) -> bool:
    """Tell whether some rows of a batch have a map for each frame."""
    return training.body_poses + training.hand_poses > 0


def _channels_first(pixels: UInt8[np.ndarray, "*many H W 3"]) -> UInt8[np.ndarray, "*many 3 H W"]:
    return np.moveaxis(pixels, -1, -3)


def _share(values: UInt8[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    return values.astype(np.float32) / 255


def _signed(pixels: UInt8[np.ndarray, "*many H W 3"]) -> Float32[np.ndarray, "*many 3 H W"]:
    return _channels_first(pixels).astype(np.float32) / 127.5 - 1


def _moved(track: KeypointTrack, left: int, top: int, side: int) -> KeypointTrack:
    """Return the keypoints as a crop has them; what lies outside is not known."""
    moved: KeypointTrack = track - np.array([left, top, 0], dtype=np.float32)
    inside = np.all((moved[..., :2] >= 0) & (moved[..., :2] < side), axis=-1)
    return moved * inside[..., None]
