"""Our guidance and our solver in the windows of EchoMimicV2's own code."""

import torch

from cyberhost_cli.models.cyberhost import ReferenceInputs, WindowInputs
from cyberhost_cli.sampling import guidance
from cyberhost_cli.sampling.schedule import Solver


def windows(frames, step):
    """Return their windows of a step: of 12 frames, moved on by 3 with every step, round the end of the clip.

    Ours stop at the end instead (`sampling/windows.py`), so that only whole steps of these can be compared.
    """
    starts = range(0, frames, 9) if frames > 12 else (0,)
    return [[(start + place + 3 * step) % frames for place in range(min(12, frames))] for start in starts]


def person(latents):
    """Return the reference; of what else our models look at theirs has nothing."""
    nothing, hands, identity = latents.new_zeros(1, 3, 1, 1), latents.new_zeros(1, 2, 3, 1, 1), latents.new_zeros(1, 0)
    return ReferenceInputs(latents, nothing, nothing, hands, identity, None)


def window(audio, pose):
    """Return what is told of a window, which has no motion frames."""
    return WindowInputs(audio, pose, audio.new_zeros(1, audio.shape[1], 2), audio.new_zeros(1, 0, 4, *_cells(pose)))


def _cells(pose):
    return pose.shape[-2] // 8, pose.shape[-1] // 8


@torch.inference_mode()
def sampled(model, config, steps, picture, noise, audio, pose):
    """Return the latents of a clip.

    `picture` (1, 3, H, W) in -1..1, `noise` (1, f, c, h, w), `audio` (1, f, t, e), `pose` (1, f, 3, H, W) in 0..1.
    """
    latents, frames = model.autoencoder.encode(picture), noise.shape[1]
    solver = Solver(model.config.diffusion, config.solver, steps)
    guided = guidance.Guidance(model, person(latents), config.guidance, solver.timesteps, 2)
    found = solver.begin(noise.clamp(-config.noise_limit, config.noise_limit))
    for step in range(steps):
        seen, total = solver.scale(found, step), torch.zeros_like(found)
        counts = torch.zeros(frames, device=found.device)
        for row in windows(frames, step):
            predicted, _ = guided.predict(seen[:, row], step, guided.window(window(audio[:, row], pose[:, row])))
            total[:, row] += predicted
            counts[row] += 1
        found = solver.step(total / counts[:, None, None, None], found, torch.Tensor)
    return found
