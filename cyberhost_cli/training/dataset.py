"""Clips with all that training reads from them, derived once and kept beside them."""

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8
from safetensors.numpy import save_file
from safetensors.torch import load_file

from cyberhost_cli.config.schema import Preset
from cyberhost_cli.errors import InputError
from cyberhost_cli.media import sound, truth, video
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.track import is_track, read_track
from cyberhost_cli.pipelines import detectors
from cyberhost_cli.preprocess import clarity, regions, skeleton
from cyberhost_cli.preprocess.speech.features import encode
from cyberhost_cli.types import Frames, Keypoints, KeypointTrack, Person, Pixels
from cyberhost_cli.weights.store import finder

FORMAT = 3
"""Raised when the same clips and preset give other arrays than before."""

CHUNK = 64
"""Frames decoded at once."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClipExample:
    """A clip and, frame by frame, what the model is told about it; the arrays are read from disk when touched."""

    name: str
    frames: Frames
    skeletons: UInt8[np.ndarray, "f H W 3"]
    keypoints: KeypointTrack
    speech: Float32[np.ndarray, "f t d"]
    faces: UInt8[np.ndarray, "f s s 3"]
    hands: UInt8[np.ndarray, "f 2 q q 3"]
    deviation: Float32[np.ndarray, "f 2"]
    """Of the Laplacian of the left and the right hand, 0 where one is not seen."""
    masks: UInt8[np.ndarray, "f 3 h w"]
    """Share of each latent cell that face, hands and mouth cover, 0..255."""
    identity: Float32[np.ndarray, "_d"]
    """What tells this face from others; empty for models that read none."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)


class Poses(NamedTuple):
    """The poses of a clip, exact or found."""

    keypoints: KeypointTrack
    fps: float


def open_clips(folder: Path, preset: Preset) -> list[ClipExample]:
    """Return the clips of `folder` that have a film, a sound and poses, deriving what is not in the cache yet."""
    names = sorted(path.stem for path in folder.glob("*.safetensors"))
    names = [name for name in names if (folder / f"{name}.mp4").exists() and (folder / f"{name}.wav").exists()]
    if not names:
        raise InputError(
            f"No clips in `{folder}`",
            "give `NAME.mp4`, `NAME.wav` and `NAME.safetensors`, of `cyberhost synth` or poses of `cyberhost track`",
        )
    cache = cache_folder(folder, preset)
    missing = [name for name in names if not is_fresh(cache / f"{name}.safetensors", folder / f"{name}.safetensors")]
    for index, name in enumerate(missing):
        _keep(cache / f"{name}.safetensors", _derive(folder, name, preset))
        if (index + 1) % 50 == 0 or index + 1 == len(missing):
            logger.info("Prepared %d of %d clips", index + 1, len(missing))
    return [_open(cache / f"{name}.safetensors") for name in names]


def cache_folder(folder: Path, preset: Preset) -> Path:
    """Return, and make, the folder for what clips of `folder` become under this preset."""
    key = {
        "format": FORMAT,
        "fps": preset.fps,
        "picture": preset.picture.model_dump(include={"width", "height", "face_size", "hand_size"}),
        "speech": preset.speech.model_dump(),
        "factor": preset.model.autoencoder.factor,
        "embedder": None if preset.model.identity_features is None else preset.detection.model_dump(),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]
    path = folder / f".cache-{digest}"
    path.mkdir(exist_ok=True)
    return path


def is_fresh(derived: Path, source: Path) -> bool:
    """Tell whether a file is there and not older than what it is made of."""
    return derived.exists() and derived.stat().st_mtime_ns >= source.stat().st_mtime_ns


def _open(path: Path) -> ClipExample:
    """Map the arrays into memory; torch's loader does not read them, numpy's does."""
    return ClipExample(path.stem, **{name: each.numpy() for name, each in load_file(path).items()})


def _keep(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic_file(path) as part:
        save_file({name: np.ascontiguousarray(each) for name, each in arrays.items()}, part)


def _derive(folder: Path, name: str, preset: Preset) -> dict[str, np.ndarray]:
    """Return the arrays of a `ClipExample` by their names in it."""
    known = _poses(folder / f"{name}.safetensors")
    frames = np.concatenate(list(video.read_frames(folder / f"{name}.mp4", CHUNK)))
    recording = sound.read_recording(folder / f"{name}.wav", preset.speech)
    samples = sound.resample_mono(recording, preset.speech.sample_rate)
    features = encode(samples, preset.speech, preset.fps, finder(preset.store))
    _check(folder / f"{name}.mp4", frames, known, len(features), preset)
    height, width = preset.picture.height, preset.picture.width
    factor = preset.model.autoencoder.factor
    hands = np.stack([_hands(f, k, preset.picture.hand_size) for f, k in zip(frames, known.keypoints, strict=True)])
    return {
        "frames": frames,
        "skeletons": skeleton.draw_track(known.keypoints, height, width),
        "keypoints": known.keypoints,
        "speech": features,
        "faces": np.stack(
            [_face(f, k, preset.picture.face_size) for f, k in zip(frames, known.keypoints, strict=True)]
        ),
        "hands": hands,
        "deviation": np.array([[clarity.deviation(hand) for hand in pair] for pair in hands], dtype=np.float32),
        "masks": np.stack([_masks(each, (height, width), factor) for each in known.keypoints]),
        "identity": _identity(name, frames, known.keypoints, preset),
    }


def _poses(path: Path) -> Poses:
    """Read the exact poses of a rendered clip, or those that `cyberhost track` found in a filmed one."""
    if is_track(path):
        found = read_track(path)
        return Poses(found.keypoints, found.fps)
    known = truth.read_truth(path)
    return Poses(known.keypoints, known.fps)


def _check(path: Path, frames: Frames, known: Poses, heard: int, preset: Preset) -> None:
    found = (frames.shape[2], frames.shape[1], known.fps)
    wanted = (preset.picture.width, preset.picture.height, preset.fps)
    if found != wanted:
        raise InputError(
            f"`{path}` is {found[0]}x{found[1]} at {found[2]} fps, "
            f"the preset's video {wanted[0]}x{wanted[1]} at {wanted[2]}",
            "render the clips with the preset that trains on them, or cut and scale the films to it",
        )
    if not len(frames) == len(known.keypoints) == heard:
        raise InputError(
            f"`{path}` has {len(frames)} frames, its poses {len(known.keypoints)} and its sound {heard}",
            "remove the clip, or render or track it again",
        )


def _face(frame: Pixels, keypoints: Keypoints, size: int) -> UInt8[np.ndarray, "s s 3"]:
    box = regions.face_box(keypoints)
    return np.zeros((size, size, 3), np.uint8) if box is None else regions.crop(frame, box, size)


def _identity(name: str, frames: Frames, keypoints: KeypointTrack, preset: Preset) -> Float32[np.ndarray, "_d"]:
    """Return the identity of the first face that is found, as of a reference; nothing where the model reads none.

    Raises:
        InputError: no frame shows a face.
    """
    if preset.model.identity_features is None:
        return np.zeros(0, dtype=np.float32)
    pictures = detectors.picture_embedder(preset.detection, preset.store)
    if pictures is not None:
        return pictures.embed(frames[0])
    embedder = detectors.face_embedder(preset.detection, preset.store)
    assert embedder is not None
    detector = detectors.face_detector(preset.detection, preset.store)
    for frame, known in zip(frames, keypoints, strict=True):
        box = regions.extent(known)
        face = None if box is None else detector.face_of(frame, Person(known, box))
        if face is not None:
            return embedder.embed(frame, face)
    raise InputError(
        f"no frame of clip `{name}` shows a face, which the model reads the identity of",
        "remove the clip, or use one in which the person faces the camera",
    )


def _hands(frame: Pixels, keypoints: Keypoints, size: int) -> UInt8[np.ndarray, "2 q q 3"]:
    empty = np.zeros((size, size, 3), np.uint8)
    return np.stack([empty if box is None else regions.crop(frame, box, size) for box in regions.hand_boxes(keypoints)])


def _masks(keypoints: Keypoints, size: tuple[int, int], factor: int) -> UInt8[np.ndarray, "3 h w"]:
    groups = ([regions.face_box(keypoints)], regions.hand_boxes(keypoints), [regions.mouth_box(keypoints)])
    grid = (size[0] // factor, size[1] // factor)
    shares = np.stack([regions.mask(boxes, *size, grid) for boxes in groups])
    return np.asarray(np.rint(shares * 255), dtype=np.uint8)
