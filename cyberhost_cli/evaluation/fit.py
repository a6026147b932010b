"""Fit the readers to rendered clips: `python -m cyberhost_cli.evaluation.fit CLIPS --held-out OTHER_CLIPS`."""

import argparse
import logging
import sys
import time
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.evaluation import examples, nets
from cyberhost_cli.evaluation.examples import Examples
from cyberhost_cli.evaluation.readers import NAME, Readers, device, keep, mouths
from cyberhost_cli.evaluation.trial import choose_threshold, tell, try_out

STEPS, BATCH, MOUTHS = 4000, 32, 128
"""Steps, and pictures and mouths in each."""
RATE = 3e-3
_EMPHASIS = 30.0
"""Weight of a place where a point is beside one where it is not."""
_HASTE = 0.1
"""Share of the steps in which the learning rate rises."""

logger = logging.getLogger(__name__)


def fit(known: Examples, steps: int, batch: int, seed: int) -> Readers:
    """Train both networks on the same steps."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    place = device()
    points, mouth, known = nets.PointNet().to(place), nets.MouthNet().to(place), known.to(place)
    weights = [*points.parameters(), *mouth.parameters()]
    optimiser = torch.optim.AdamW(weights, RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=_HASTE)
    started = time.monotonic()
    for step in range(steps):
        losses = point_loss(points, known, batch, random), mouth_loss(mouth, known, random)
        optimiser.zero_grad()
        torch.autograd.backward(losses)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        if step % max(1, steps // 20) == 0 or step == steps - 1:
            rate = (step + 1) / (time.monotonic() - started)
            told = [loss.item() for loss in losses]
            logger.info("step %d/%d  points %.4f  mouth %.4f  %.1f steps/s", step, steps, *told, rate)
    return Readers(points, mouth, 0.5, place)


def point_loss(net: nets.PointNet, known: Examples, batch: int, random: torch.Generator) -> Float[Tensor, ""]:
    """Return the cross-entropy of the maps of some disturbed pictures."""
    chosen = torch.randint(len(known.mouth), (batch,), generator=random).to(known.mouth.device)
    pictures, points = examples.disturb(known.pictures[chosen].float() / 127.5 - 1, known.points[chosen], random)
    wanted = examples.heatmaps(points)
    loss = functional.binary_cross_entropy_with_logits(net(pictures), wanted, 1 + _EMPHASIS * wanted)
    return loss


def mouth_loss(net: nets.MouthNet, known: Examples, random: torch.Generator) -> Float[Tensor, ""]:
    """Return the squared error of the opening of some mouths, found not quite exactly."""
    place = known.mouth.device
    chosen = torch.randint(len(known.mouth), (MOUTHS,), generator=random).to(place)
    centres, _ = mouths(known.points[chosen])
    face = known.face[chosen]
    off = torch.randn(MOUTHS, 3, generator=random).to(place)
    centres = centres + 0.06 * off[:, :2] * face[:, None]
    sides = nets.PATCH_SIZE * face * (1 + 0.06 * off[:, 2])
    patches = nets.cut_mouths(known.pictures[chosen].float() / 127.5 - 1, centres, sides)
    patches = examples.spoil(patches, random, 1.6)
    if torch.rand((), generator=random) < 0.5:
        patches = patches.flip(-1)
    return (net(patches) - known.mouth[chosen] / nets.OPENING).square().mean()


def main(arguments: list[str]) -> None:
    """Fit, try out on held-out clips, and write."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    parser = argparse.ArgumentParser(prog="python -m cyberhost_cli.evaluation.fit", description=__doc__)
    parser.add_argument("clips", type=Path, help="folder that `cyberhost synth` wrote")
    parser.add_argument("--held-out", type=Path, required=True, help="clips of other actors")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "weights", help="folder to write to")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--most", type=int, default=600, help="clips to learn from")
    parser.add_argument("--frames-per-clip", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    known = examples.open_examples(asked.clips, asked.most, asked.frames_per_clip)
    logger.info("%d pictures of `%s`", len(known.mouth), asked.clips)
    readers = fit(known, asked.steps, asked.batch, asked.seed)
    trials = [try_out(readers, path) for path in examples.clip_paths(asked.held_out)]
    readers.hand_threshold = choose_threshold(trials)
    for line in tell(trials, readers.hand_threshold):
        logger.info("%s", line)
    keep(asked.out / NAME, readers)
    logger.info("%s", asked.out / NAME)


if __name__ == "__main__":
    main(sys.argv[1:])
