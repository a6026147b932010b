"""Random inputs, and random weights for presets that have none at hand."""

import numpy as np
import torch
from jaxtyping import Float32
from PIL import Image

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.config.schema import Preset
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.preprocess import reference
from cyberhost_cli.types import (
    KEYPOINTS,
    Box,
    Driving,
    Keypoints,
    Pixels,
    Placement,
    PreparedClip,
    PreparedReference,
    PreparedSpeech,
    Recording,
)

RATE = 16_000
"""Hz of the recording."""
BLOBS = 6
"""Random colours along a side of the picture, with smooth passages between them: noise would be no picture to H.264."""


def random_clip(preset: Preset, frames: int, seed: int) -> PreparedClip:
    """Make up a person and a recording as a preset wants them, and poses for each frame where they drive anything."""
    random = np.random.default_rng(seed)
    person = _person(preset, random)
    return PreparedClip(person, _speech(preset, frames, random), _driving(preset, frames, random))


def _driving(preset: Preset, frames: int, random: np.random.Generator) -> Driving | None:
    known = preset.model.priors.maps
    follows = "movement" not in known and {"hands", "body"} & set(known)
    if not (follows or preset.gestures.unasked):
        return None
    track = np.stack([_keypoints(preset, random) for _ in range(frames)])
    return Driving("hands" if "hands" in known else "body", track)


def _person(preset: Preset, random: np.random.Generator) -> PreparedReference:
    height, width = preset.picture.height, preset.picture.width
    placement = Placement(Box(0.0, 0.0, float(width), float(height)), height, width)
    identity = random.standard_normal(preset.model.identity_features or 0, dtype=np.float32)
    sections = (preset.picture, preset.conditions, preset.model)
    picture, keypoints = _picture(preset, random), _keypoints(preset, random)
    embedder = preset.detection.identity_weights
    return reference.describe(picture, keypoints, placement, identity, embedder, (), *sections)


def _picture(preset: Preset, random: np.random.Generator) -> Pixels:
    colours = Image.fromarray(random.integers(0, 256, (BLOBS, BLOBS, 3), dtype=np.uint8))
    return np.array(colours.resize((preset.picture.width, preset.picture.height), Image.Resampling.BICUBIC))


def _keypoints(preset: Preset, random: np.random.Generator) -> Keypoints:
    size = np.array([preset.picture.width, preset.picture.height, 1], dtype=np.float32)
    points: Float32[np.ndarray, "133 3"] = random.random((KEYPOINTS, 3), dtype=np.float32) * size
    points[:, 2] = 1
    return points


def _speech(preset: Preset, frames: int, random: np.random.Generator) -> PreparedSpeech:
    speech, samples = preset.speech, round(frames * RATE / preset.fps)
    features = random.standard_normal((frames, speech.vectors, speech.features), dtype=np.float32)
    recording = Recording(0.1 * random.standard_normal((samples, 1), dtype=np.float32), RATE)
    voices = np.ones(frames, dtype=np.float32)
    return PreparedSpeech(features, speech.stride, voices, recording, preset.fps, (), speech.encoder)


def random_model(config: ModelConfig, device: torch.device, dtype: torch.dtype) -> CyberHost:
    """Make a model on the host whose parameters are random, also those that begin as zeros in training.

    Else whole parts would give zeros, and two ways to compute them would be equal whatever they do. `device` is where
    the numbers are drawn, since a GPU draws billions of them in no time.
    """
    with torch.random.fork_rng(), torch.device(device), torch.no_grad():
        torch.manual_seed(0)
        model = CyberHost(config).eval()
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return model.requires_grad_(False).to("cpu", dtype)
