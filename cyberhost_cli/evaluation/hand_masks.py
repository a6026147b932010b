"""Where the hand modules of a model look, at several levels of noise over a real clip."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch.nn import functional

from cyberhost_cli.config.running import GuidanceConfig
from cyberhost_cli.evaluation import hands
from cyberhost_cli.evaluation.actors import Actor
from cyberhost_cli.models.conditions import Denoised
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.inputs import reference_inputs, signed, window_inputs
from cyberhost_cli.preprocess import regions
from cyberhost_cli.sampling import guidance
from cyberhost_cli.sampling.schedule import training_schedule
from cyberhost_cli.types import Frames, KeypointTrack

TIMESTEPS = (1, 201, 401, 601, 801, 961)
"""Those of the poster."""
_PLAIN = GuidanceConfig(reference=1.0, audio=1.0, keep_map=True, interval=(0.0, 1.0), limit=None)

Size = tuple[int, int]
"""Rows and columns."""


@dataclass(frozen=True)
class HandMasks:
    """The frames of a window, and what is hands there."""

    frames: Frames
    there: Bool[np.ndarray, "f"]
    """Which frames show hands."""
    wanted: Bool[np.ndarray, "f h w"]
    """Cells of the latent grid within the boxes of the hands."""
    predicted: Float32[np.ndarray, "t f h w"]
    """How much a cell is of the hands, 0..1, at each of `TIMESTEPS`: the mean over all hand modules."""

    def areas(self) -> list[tuple[int, int]]:
        """Return, at each timestep, how many cells the masks share and cover, over the frames that show hands."""
        wanted = self.wanted[self.there]
        looked = [each[self.there] > 0.5 for each in self.predicted]
        return [(int((each & wanted).sum()), int((each | wanted).sum())) for each in looked]


@torch.inference_mode()
def predict(actor: Actor, model: CyberHost) -> HandMasks | None:
    """Return the masks over the window that shows hands most; None where there is no such window.

    The model must have hand modules.
    """
    motion, count = model.config.motion.frames, actor.preset.sampling.chunk_frames
    present = hands.there(actor.truth.keypoints).any(axis=1)
    starts = range(motion, len(present) - count + 1)
    start = max(starts, key=lambda first: present[first : first + count].sum(), default=None)
    if start is None or not present[start : start + count].any():
        return None
    window = slice(start, start + count)
    frames = actor.frames()[start - motion : start + count]
    pixels = signed(frames).to(model.autoencoder.latent_mean)
    latents = torch.cat([model.autoencoder.encode(each[None]) for each in pixels])[None]
    # Nothing may give away where the hands are, so none are driven.
    undriven = replace(actor.prepared, driving=None)
    inputs = window_inputs(undriven, model.config, np.arange(start, start + count), latents[:, :motion])
    clips = guidance.clip_contexts(model, reference_inputs(actor.prepared.reference, model), _PLAIN)
    branch = guidance.branches(model, clips, inputs, _PLAIN)[0]
    clean, grid = latents[:, motion:], (latents.shape[-2], latents.shape[-1])
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(clean)
    schedule, predicted = training_schedule(model.config.diffusion), []
    for timestep in TIMESTEPS:
        times = torch.tensor([timestep], device=clean.device)
        noisy = schedule.add_noise(clean, noise, times)
        predicted.append(_mask(model.denoiser(noisy, times.float(), branch.clip, branch.window), grid))
    picture = actor.preset.picture
    wanted = true_masks(actor.truth.keypoints[window], (picture.height, picture.width), grid)
    return HandMasks(frames[motion:], present[window], wanted, np.stack(predicted))


def true_masks(track: KeypointTrack, size: Size, grid: Size) -> Bool[np.ndarray, "f h w"]:
    """Return which cells of the latent grid lie more than half within the boxes of the hands, frame by frame."""
    boxes = [regions.hand_boxes(keypoints) for keypoints in track]
    return np.stack([regions.mask(each, *size, grid) for each in boxes]) > 0.5


def _mask(denoised: Denoised, grid: Size) -> Float32[np.ndarray, "f h w"]:
    shares = [
        functional.interpolate(site.hands.mask_logits.float().sigmoid(), grid, mode="bilinear")[:, 0]
        for site in denoised.sites
        if site.hands is not None
    ]
    return torch.stack(shares).mean(dim=0).cpu().numpy()
