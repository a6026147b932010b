"""Batches of windows of clips, each with a reference frame of the same clip."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float16, Float32, Int64, UInt8
from torch import Tensor

from cyberhost_cli.config.model import Map
from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.preprocess import maps, movement, skeleton
from cyberhost_cli.preprocess.puppet import Puppet
from cyberhost_cli.training.dataset import ClipExample, Dataset
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND

FAR = 0.5
"""Share of the references that are drawn from the half of the clip's frames that is farthest from the window."""

WHOLE = 0
"""What the chance of a whole batch is drawn by, beside the seed and the step; that of a row by its number + 1."""


@dataclass(frozen=True)
class Batch:
    """What a diffusion stage learns from in one step; pictures, drawn maps and masks are 0..255."""

    seeds: Int64[Tensor, "b"]
    """Of the noise."""
    timesteps: Int64[Tensor, "b"]
    heatmaps: Bool[Tensor, "b"]
    """Rows whose hand heatmaps count, if their timestep is low enough."""
    disturbance: Float32[Tensor, "b"]
    """Deviation of the noise on the motion frames."""
    latents: Float16[Tensor, "b f c h w"]
    motion: Float16[Tensor, "b m c h w"]
    """Latents of the frames before the window; the reference's, repeated, where there are none."""
    reference: Float16[Tensor, "b c h w"]
    skeleton: UInt8[Tensor, "b H W 3"]
    """Pose of the reference."""
    face: UInt8[Tensor, "b s s 3"]
    hands: UInt8[Tensor, "b 2 q q 3"]
    identity: Float32[Tensor, "b _d"]
    pose: UInt8[Tensor, "b _k H W 3"]
    """The body movement map, or for each frame what a driving video would tell."""
    carried: UInt8[Tensor, "b _f H W 3"]
    """The reference with its hands where each frame has them; no frames where the model has none carried."""
    speech: Float32[Tensor, "b f t d"]
    deviation: Float32[Tensor, "b f 2"]
    """Of the Laplacian of the left and the right hand."""
    masks: UInt8[Tensor, "b f 3 h w"]
    """Face, hands, mouth."""
    hand_keypoints: Float32[Tensor, "b f 42 3"]
    drop_reference: bool
    drop_audio: bool


@dataclass(frozen=True)
class Window:
    """All that is left to chance in one row of a batch."""

    clip: int
    start: int
    reference: int
    has_motion: bool
    enlargement: float
    """Of the movement rectangle."""
    driving: Literal["hands", "body"] | None
    """What is driven by poses; the rest is by sound."""
    timestep: int
    heatmaps: bool
    disturbance: float
    seed: int


@dataclass(frozen=True)
class Windows:
    """Draws batches of windows for a model that knows these maps."""

    dataset: Dataset
    training: TrainingConfig
    motion_frames: int
    maps: tuple[Map, ...]
    carries_hands: bool
    """Whether it is shown the reference with its hands carried along."""
    size: tuple[int, int]
    """Height and width of the picture."""
    timesteps: Sequence[int]
    """What rows are drawn from, rising."""

    def __call__(self, step: int, rows: range) -> Batch:
        """Draw some rows of the batch of a step."""
        drawn = [self._read(self.draw(step, row)) for row in rows]
        _, drop_reference, drop_audio = self._whole(step)
        # Together, which is much quicker than one after the other.
        poses = skeleton.draw_track(np.stack([row.pop("reference_keypoints") for row in drawn]), *self.size)
        stacked = {name: torch.from_numpy(np.stack([row[name] for row in drawn])) for name in drawn[0]}
        return Batch(
            **stacked,
            skeleton=torch.from_numpy(poses),
            drop_reference=drop_reference < self.training.drop_reference,
            drop_audio=drop_audio < self.training.drop_audio,
        )

    def draw(self, step: int, row: int) -> Window:
        """Draw a window of `training.frames` frames, a reference frame and a timestep."""
        training, random = self.training, np.random.default_rng([self.training.seed, step, row + 1])
        clip = self.dataset.clip(step, row)
        length = len(self.dataset.clips[clip])
        start = int(random.integers(length - training.frames + 1))
        # Spread evenly over the batch's rows, so that no batch is all of noise or all of pictures.
        place = int((self._whole(step)[0] + row / training.batch) % 1 * len(self.timesteps))
        return Window(
            clip,
            start,
            _reference(length, start + training.frames / 2, random),
            start >= self.motion_frames and random.random() >= training.drop_motion,
            random.uniform(*training.movement_enlargement),
            _driving(training, random),
            self.timesteps[-1 if random.random() < training.terminal else place],
            random.random() < training.loss.heatmap_probability,
            random.uniform(0, training.motion_noise),
            int(random.integers(2**62)),
        )

    def _whole(self, step: int) -> tuple[float, float, float]:
        """Draw what all rows of a step share: where their timesteps begin, and what is dropped."""
        begin, reference, audio = np.random.default_rng([self.training.seed, step, WHOLE]).random(3).tolist()
        return begin, reference, audio

    def _read(self, window: Window) -> dict[str, Any]:
        """Return the row's arrays by their names in a `Batch`, and the pose of its reference."""
        clip, latents = self.dataset.clips[window.clip], self.dataset.latents(window.clip)
        span = slice(window.start, window.start + self.training.frames)
        if window.has_motion:
            before = latents[window.start - self.motion_frames : window.start]
        else:
            before = np.repeat(latents[window.reference][None], self.motion_frames, axis=0)
        return {
            "seeds": np.int64(window.seed),
            "timesteps": np.int64(window.timestep),
            "heatmaps": np.bool_(window.heatmaps),
            "disturbance": np.float32(window.disturbance),
            "latents": latents[span],
            "motion": before,
            "reference": latents[window.reference],
            "reference_keypoints": clip.keypoints[window.reference],
            "face": clip.faces[window.reference],
            "hands": clip.hands[window.reference],
            "identity": clip.identity,
            "pose": self._pose_maps(clip, window, span),
            "carried": self._carried(clip, window, span),
            "speech": clip.speech[span],
            "deviation": clip.deviation[span],
            "masks": clip.masks[span],
            "hand_keypoints": clip.keypoints[span, LEFT_HAND.start : RIGHT_HAND.stop],
        }

    def _pose_maps(self, clip: ClipExample, window: Window, span: slice) -> UInt8[np.ndarray, "_k H W 3"]:
        """Draw what tells the model where the body goes, black where it knows no map for what drives this row."""
        rectangle = movement.draw(movement.rectangle(clip.keypoints, window.enlargement), *self.size)
        drawn = maps.draw(self.maps, rectangle, window.driving, clip.keypoints[span])
        if drawn is None:
            drawn = np.zeros_like(maps.grey(rectangle))
        # One for all frames, or as many as other rows of the batch have.
        several = self.training.body_poses + self.training.hand_poses > 0
        return np.repeat(drawn, self.training.frames, axis=0) if several and len(drawn) == 1 else drawn

    def _carried(self, clip: ClipExample, window: Window, span: slice) -> UInt8[np.ndarray, "_f H W 3"]:
        """Return the reference with its hands where they are driven to in each frame."""
        if not self.carries_hands or not self.training.hand_poses:
            return np.zeros((0, *self.size, 3), np.uint8)
        picture = clip.film()[window.reference]
        if window.driving != "hands":
            return np.repeat(picture[None], self.training.frames, axis=0)
        return Puppet(picture, clip.keypoints[window.reference]).poses(clip.keypoints[span])


def _driving(training: TrainingConfig, random: np.random.Generator) -> Literal["hands", "body"] | None:
    chance = random.random()
    if chance < training.body_poses:
        return "body"
    return "hands" if chance < training.body_poses + training.hand_poses else None


def _reference(length: int, middle: float, random: np.random.Generator) -> int:
    """Draw a frame; with probability `FAR` one that is far from the window's `middle`."""
    farthest_first = np.argsort(-np.abs(np.arange(length) + 0.5 - middle), kind="stable")
    candidates = farthest_first[: (length + 1) // 2] if random.random() < FAR else farthest_first
    return int(random.choice(candidates))
