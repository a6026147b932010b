"""Pictures of rendered clips that the readers learn from, disturbed anew each time they are seen."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.errors import InputError
from cyberhost_cli.evaluation import nets
from cyberhost_cli.evaluation.readers import mouths, squares
from cyberhost_cli.media.truth import read_truth
from cyberhost_cli.media.video import read_frames
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import KEYPOINTS, LEFT_HAND, RIGHT_HAND, ClipTruth, Frames

TURN, SCALE, SHIFT = 0.2, 1.4, 0.12
"""Largest turn in radians, change of size, and shift in sides of the picture."""
MELTED = 0.3
"""Share of the hands that are made unrecognisable, so that the reader learns to say so."""
_HANDS = tuple(
    slice(nets.POINTS.index(part.start), nets.POINTS.index(part.stop - 1) + 1) for part in (LEFT_HAND, RIGHT_HAND)
)


@dataclass(frozen=True)
class Examples:
    """Frames as squares, and what is known about them."""

    pictures: UInt8[Tensor, "n 3 s s"]
    points: Float[Tensor, "n k 3"]
    """x, y in pixels and 1 where the point is to be found: in the picture, if not of a hand that is hidden."""
    mouth: Float[Tensor, "n"]
    face: Float[Tensor, "n"]
    """From the eyes to the mouth in pixels, median of the clip."""

    def to(self, device: torch.device) -> "Examples":
        """Return the same on another device."""
        return Examples(*(part.to(device) for part in (self.pictures, self.points, self.mouth, self.face)))


def clip_paths(folder: Path) -> list[Path]:
    """Return the films of a folder that `cyberhost synth` wrote.

    Raises:
        InputError: there are none.
    """
    paths = [path for path in sorted(folder.glob("*.mp4")) if path.with_suffix(".safetensors").exists()]
    if not paths:
        raise InputError(f"no clips in `{folder}`", "give a folder that `cyberhost synth` wrote")
    return paths


def read_clip(path: Path) -> tuple[Frames, ClipTruth]:
    """Return the frames of a clip and what is known about them."""
    truth = read_truth(path.with_suffix(".safetensors"))
    return np.concatenate(list(read_frames(path, 64)))[: len(truth.mouth)], truth


def open_examples(folder: Path, clips: int, frames_per_clip: int) -> Examples:
    """Read so many frames, evenly spread, of each of the first `clips` of a folder."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(partial(_examples, count=frames_per_clip), clip_paths(folder)[:clips]))
    parts = zip(*((each.pictures, each.points, each.mouth, each.face) for each in found), strict=True)
    return Examples(*(torch.cat(part) for part in parts))


def _examples(path: Path, count: int) -> Examples:
    frames, truth = read_clip(path)
    chosen = np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))
    pictures, scale = squares(frames[chosen])
    wanted = np.stack([_wanted(each, (frames.shape[1], frames.shape[2])) for each in truth.keypoints[chosen]])
    points = torch.from_numpy(wanted * np.array([scale, scale, 1], np.float32))
    _, face = mouths(points)
    return Examples(pictures, points, torch.from_numpy(truth.mouth[chosen]), face.median().expand(len(face)))


def _wanted(keypoints: Float32[np.ndarray, "133 3"], size: tuple[int, int]) -> Float32[np.ndarray, "k 3"]:
    """Return the points that are read, with 1 where they are to be found."""
    assert len(keypoints) == KEYPOINTS
    points = keypoints.copy()
    # Hair over a shoulder, or a finger before another, does not keep anybody from telling where they are.
    points[:, 2] = np.all((points[:, :2] >= 0) & (points[:, :2] < size[::-1]), axis=1)
    for part in (LEFT_HAND, RIGHT_HAND):
        points[part, 2] *= regions.extent(keypoints[part]) is not None
    return points[list(nets.POINTS)]


def heatmaps(points: Float[Tensor, "b k 3"]) -> Float[Tensor, "b k h w"]:
    """Draw a bell around each point that is to be found."""
    middles = (torch.arange(nets.GRID, device=points.device) + 0.5) * (nets.SIDE / nets.GRID)
    spread = 2 * (1.2 * nets.SIDE / nets.GRID) ** 2
    x, y = (torch.exp(-((middles - points[..., axis, None]) ** 2) / spread) for axis in (0, 1))
    return y[..., :, None] * x[..., None, :] * points[..., 2, None, None]


def disturb(
    pictures: Float[Tensor, "b 3 s s"], points: Float[Tensor, "b k 3"], random: torch.Generator
) -> tuple[Float[Tensor, "b 3 s s"], Float[Tensor, "b k 3"]]:
    """Melt hands, move, mirror, tint and blur pictures in -1..1, and say where the points are then."""
    pictures, points = melt(pictures, points, random)
    pictures, points = move(pictures, points, random)
    return spoil(pictures, random, 3.0), points


def move(
    pictures: Float[Tensor, "b 3 s s"], points: Float[Tensor, "b k 3"], random: torch.Generator
) -> tuple[Float[Tensor, "b 3 s s"], Float[Tensor, "b k 3"]]:
    """Turn, scale, shift and mirror; what leaves the picture is no longer to be found."""
    rows, like = len(pictures), pictures
    turn, scale = TURN * _even(rows, random), SCALE ** _even(rows, random)
    mirrored = _even(rows, random) > 0
    flip = 1 - 2 * mirrored.float()
    forth = torch.stack([turn.cos() * flip, -turn.sin(), turn.sin() * flip, turn.cos()], 1).view(rows, 2, 2)
    forth = forth * scale[:, None, None]
    shift = 2 * SHIFT * torch.stack([_even(rows, random), _even(rows, random)], 1)
    back = torch.linalg.inv(forth)
    matrix = torch.cat([back, -back @ shift[:, :, None]], dim=2).to(like)
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    places = points[..., :2] * (2 / nets.SIDE) - 1
    places = places @ forth.mT.to(like) + shift[:, None].to(like)
    inside = (places.abs() < 1).all(dim=2)
    placed = torch.cat([(places + 1) * (nets.SIDE / 2), (points[..., 2] * inside)[..., None]], dim=2)
    return moved, torch.where(mirrored.to(like.device)[:, None, None], placed[:, _swapped()], placed)


def melt(
    pictures: Float[Tensor, "b 3 s s"], points: Float[Tensor, "b k 3"], random: torch.Generator
) -> tuple[Float[Tensor, "b 3 s s"], Float[Tensor, "b k 3"]]:
    """Replace some hands by a few spots of their colours; they are no longer to be found."""
    pictures, points = pictures.clone(), points.clone()
    chosen = torch.rand(len(pictures), 2, generator=random) < MELTED
    cells = torch.randint(2, 5, (len(pictures), 2), generator=random).tolist()
    boxes = [_box(points[:, part]) for part in _HANDS]
    for row, side in chosen.nonzero().tolist():
        left, top, right, bottom = boxes[side][row]
        if right - left < 8 or bottom - top < 8:
            continue
        piece = pictures[row : row + 1, :, top:bottom, left:right]
        few = functional.adaptive_avg_pool2d(piece, cells[row][side])
        smooth = functional.interpolate(few, piece.shape[-2:], mode="bicubic")
        share = _dome(bottom - top, pictures)[:, None] * _dome(right - left, pictures)
        pictures[row, :, top:bottom, left:right] = (piece + share * (smooth - piece))[0]
        points[row, _HANDS[side], 2] = 0
    return pictures, points


def spoil(pictures: Float[Tensor, "b 3 s s"], random: torch.Generator, blur: float) -> Float[Tensor, "b 3 s s"]:
    """Tint, blur half of the pictures by up to `blur` pixels, and add noise of pixels and of a codec's blocks."""
    rows, like = len(pictures), pictures

    def drawn(*shape: int) -> Tensor:
        return (2 * torch.rand(rows, *shape, generator=random) - 1).to(like)

    side = round(pictures.shape[-1] / (1 + (blur - 1) * float(torch.rand((), generator=random))))
    small = functional.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
    blurred = functional.interpolate(small, pictures.shape[-2:], mode="bicubic")
    pictures = torch.where(drawn(1, 1, 1) > 0, blurred, pictures)
    pictures = pictures * (1 + 0.2 * drawn(1, 1, 1)) * (1 + 0.1 * drawn(3, 1, 1)) + 0.15 * drawn(1, 1, 1)
    cells = max(1, pictures.shape[-1] // 8)
    blocks = torch.randn(rows, 3, cells, cells, generator=random).to(like)
    blocks = functional.interpolate(blocks, pictures.shape[-2:], mode="nearest")
    # Drawn where the pictures lie: as many numbers as they have pixels.
    there = torch.Generator(like.device).manual_seed(int(torch.randint(2**31, (), generator=random)))
    grain = torch.randn(pictures.shape, generator=there, device=like.device)
    disturbed: Tensor = pictures + 0.04 * drawn(1, 1, 1) * grain + 0.02 * drawn(1, 1, 1) * blocks
    return disturbed


def _even(rows: int, random: torch.Generator) -> Float[Tensor, "b"]:
    """Draw numbers between -1 and 1."""
    return 2 * torch.rand(rows, generator=random) - 1


def _box(points: Float[Tensor, "b k 3"]) -> list[list[int]]:
    """Return the left, top, right and bottom of what is to be found, none of it where nothing is."""
    found = points[..., 2:] > 0
    first = points[..., :2].masked_fill(~found, nets.SIDE).amin(1) - 8
    last = points[..., :2].masked_fill(~found, 0).amax(1) + 8
    rounded: list[list[int]] = torch.cat([first, last], 1).round().clamp(0, nets.SIDE).int().tolist()
    return rounded


def _dome(length: int, like: Tensor) -> Float[Tensor, "_n"]:
    """Return shares that are 1 in the middle and fall to 0 at the ends."""
    from_middle = torch.linspace(-1, 1, length, device=like.device)
    return (3 * (1 - from_middle.abs())).clamp(0, 1)


def _swapped() -> list[int]:
    """Return, for each point, the place of the one on the other side of the body."""
    pairs = dict([nets.EYES, nets.SHOULDERS, nets.ELBOWS, nets.CORNERS])
    pairs |= {LEFT_HAND.start + number: RIGHT_HAND.start + number for number in range(21)}
    other = pairs | {right: left for left, right in pairs.items()}
    return [nets.POINTS.index(other.get(point, point)) for point in nets.POINTS]
