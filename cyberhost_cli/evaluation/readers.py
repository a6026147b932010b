"""Read from frames of an actor where points are, how sure that is, and how far the mouth is open."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.evaluation import nets
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.types import KEYPOINTS, LEFT_HAND, RIGHT_HAND, Frames, KeypointTrack

NAME = "readers.safetensors"
CERTAIN = 0.25
"""Confidence from which a point that is not of a hand counts as known."""
_TOGETHER = 32
_LEAST_FACE = 4.0
"""Pixels from eyes to mouth that are assumed where no face is found."""


@dataclass(frozen=True)
class Reading:
    """What a clip shows."""

    keypoints: KeypointTrack
    """In pixels of the frames, with the confidence of each point as it was read; 0 for those that are never read."""
    mouth: Float32[np.ndarray, "f"]
    """Opening between the inner lips as a share of the face's height."""
    hand_threshold: float
    """Mean confidence of a hand's points from which it counts as seen."""

    @property
    def hand_confidence(self) -> Float32[np.ndarray, "f 2"]:
        """Mean confidence of the points of the left and the right hand."""
        hands = [self.keypoints[:, part, 2].mean(axis=1) for part in (LEFT_HAND, RIGHT_HAND)]
        return np.stack(hands, axis=1)

    @property
    def seen(self) -> Bool[np.ndarray, "f 2"]:
        """Whether the left and the right hand are seen."""
        return np.asarray(self.hand_confidence >= self.hand_threshold)

    @property
    def known(self) -> KeypointTrack:
        """The points, with confidence 0 where they are not sure; hands are known as a whole or not at all."""
        track = self.keypoints.copy()
        track[:, : LEFT_HAND.start, 2] *= track[:, : LEFT_HAND.start, 2] >= CERTAIN
        for side, part in enumerate((LEFT_HAND, RIGHT_HAND)):
            track[:, part, 2] *= self.seen[:, side, None]
        return track


class Readers:
    """Both networks, on a GPU where there is one."""

    def __init__(
        self, points: nets.PointNet, mouth: nets.MouthNet, hand_threshold: float, device: torch.device
    ) -> None:
        self.points = points.to(device).eval()
        self.mouth = mouth.to(device).eval()
        self.hand_threshold = hand_threshold
        self._device = device

    @torch.inference_mode()
    def read(self, frames: Frames) -> Reading:
        """Read the frames of one clip."""
        pictures, scale = squares(frames)
        parts = [self._to_input(part) for part in torch.split(pictures, _TOGETHER)]
        found = torch.cat([nets.find(self.points(part)).cpu() for part in parts])
        centres, face = mouths(found)
        side = nets.PATCH_SIZE * face.median().clamp_min(_LEAST_FACE)
        cut = zip(parts, torch.split(centres, _TOGETHER), strict=True)
        patches = [nets.cut_mouths(part, each.to(part), side.to(part).expand(len(part))) for part, each in cut]
        opening = nets.OPENING * torch.cat([self.mouth(each).cpu() for each in patches])
        keypoints = np.zeros((len(frames), KEYPOINTS, 3), np.float32)
        keypoints[:, list(nets.POINTS)] = found.numpy() * np.array([1 / scale, 1 / scale, 1], np.float32)
        return Reading(keypoints, opening.float().numpy(), self.hand_threshold)

    def _to_input(self, pictures: Tensor) -> Float[Tensor, "b 3 s s"]:
        return pictures.to(self._device).float() / 127.5 - 1


def mouths(found: Float[Tensor, "b k 3"]) -> tuple[Float[Tensor, "b 2"], Float[Tensor, "b"]]:
    """Return the middle of the mouth's corners, and how far it is from that of the eyes."""
    corners = found[:, [nets.POINTS.index(point) for point in nets.CORNERS], :2].mean(dim=1)
    eyes = found[:, [nets.POINTS.index(point) for point in nets.EYES], :2].mean(dim=1)
    return corners, (corners - eyes).norm(dim=1)


def squares(frames: Frames) -> tuple[Tensor, float]:
    """Return frames, channels first, as squares whose rest beyond their edges is grey, and the scale of that."""
    pictures = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 1)
    scale = nets.SIDE / max(pictures.shape[-2:])
    if scale != 1:
        height, width = (max(1, round(scale * side)) for side in pictures.shape[-2:])
        resized = functional.interpolate(pictures.float(), (height, width), mode="bilinear", antialias=True)
        pictures = resized.round().clamp(0, 255).to(torch.uint8)
    height, width = pictures.shape[-2:]
    return functional.pad(pictures, (0, nets.SIDE - width, 0, nets.SIDE - height), value=127), scale


@cache
def load() -> Readers:
    """Load the readers that come with this package, once in a process.

    Raises:
        CheckpointError: they are not there.
    """
    with resources.as_file(resources.files("cyberhost_cli.evaluation") / "weights" / NAME) as path:
        if not path.is_file():
            raise CheckpointError(f"there are no readers at `{path}`", "install cyberhost again")
        return open_readers(path)


def open_readers(path: Path) -> Readers:
    """Load readers from a file that `keep` wrote."""
    state = {name: tensor.float() for name, tensor in load_file(path).items()}
    points, mouth = nets.PointNet(), nets.MouthNet()
    points.load_state_dict(_under(state, "points."))
    mouth.load_state_dict(_under(state, "mouth."))
    return Readers(points, mouth, float(state["hand_threshold"]), device())


def keep(path: Path, readers: Readers) -> None:
    """Write readers as float16."""
    state = {f"points.{name}": tensor for name, tensor in readers.points.state_dict().items()}
    state |= {f"mouth.{name}": tensor for name, tensor in readers.mouth.state_dict().items()}
    state["hand_threshold"] = torch.tensor(readers.hand_threshold)
    with atomic_file(path) as part:
        part.write_bytes(save({name: tensor.cpu().half().contiguous() for name, tensor in state.items()}))


def device() -> torch.device:
    """Return a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _under(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
