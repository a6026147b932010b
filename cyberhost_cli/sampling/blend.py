"""Cross-fade between chunks."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.sampling.chunks import Chunk


def fade(frames: int) -> Float[Tensor, "f"]:
    """Return rising weights of the later chunk, strictly between 0 and 1."""
    return torch.arange(1, frames + 1) / (frames + 1)


def cross_fade(before: Float[Tensor, "f c h w"], after: Float[Tensor, "f c h w"]) -> Float[Tensor, "f c h w"]:
    """Blend the frames that two chunks share, from all of the earlier to all of the later."""
    weights = fade(len(after)).to(after)[:, None, None, None]
    return before * (1 - weights) + after * weights


def join(
    latents: Iterable[Float[Tensor, "_ c h w"]], plan: Sequence[Chunk], frames: int
) -> Iterator[Float[Tensor, "_ c h w"]]:
    """Yield each frame once, finished, in order; what reaches past `frames` is trimmed."""
    held: Tensor | None = None
    for number, (chunk, made) in enumerate(zip(plan, latents, strict=True)):
        faded = made if held is None else torch.cat((cross_fade(held, made[: chunk.overlap]), made[chunk.overlap :]))
        end = frames if number + 1 == len(plan) else plan[number + 1].start
        held = faded[end - chunk.start :]
        yield faded[: end - chunk.start]
