"""Decode: finished latents become pixels, with what the autoencoder loses of the picture given back."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.carried import carrying
from cyberhost_cli.pipelines.inputs import signed
from cyberhost_cli.types import Frames, Pixels, PreparedClip

ALIKE = 0.2
"""Mean squared difference of latents, whose spread is about 1, at which a third of the detail is given back."""
AROUND = 3
"""Within how many cells of latents the largest difference counts, since a pixel depends on more than its own cell."""


class Decoder:
    """Turns latents of a clip's frames into pixels.

    An autoencoder blurs what is small. The picture is known as it is, though: where the latents of a frame are those
    of the picture, carried along as the model was shown it, the rest of its own decoding is added, by a `detail` of 1
    all of it, and none where the model made something else. Ours; akin to the decoders of Zhu et al., 2023 (asymmetric
    VQGAN), which learn to look at the known part of a picture.
    """

    def __init__(self, clip: PreparedClip, model: CyberHost, detail: float) -> None:
        self._picture, self._detail, self._autoencoder = clip.reference.picture, detail, model.autoencoder
        self._pose = carrying(clip, model.config) if detail else None
        self._still: tuple[Tensor, Tensor] | None = None

    def chunks(self, latents: Iterable[Float[Tensor, "_ c h w"]]) -> Iterator[Frames]:
        """Yield the pixels of all latents of the clip, in order."""
        first = 0
        for chunk in latents:
            # One frame at a time: the result is the same bytes whatever the chunks, and memory that of one frame.
            yield np.stack([self.pixels(number, frame) for number, frame in enumerate(chunk, first)])
            first += len(chunk)

    @torch.inference_mode()
    def pixels(self, number: int, latents: Float[Tensor, "c h w"]) -> Pixels:
        """Return the pixels of the latents of a frame, counted from 0."""
        decoded = self._autoencoder.decode(latents[None])
        if self._detail:
            carried, lost = self._carried(number)
            decoded = decoded + self._detail * _kept(latents[None], carried, decoded) * lost
        bytes_ = ((decoded[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return bytes_.movedim(0, -1).cpu().numpy()

    def _carried(self, number: int) -> tuple[Float[Tensor, "1 c h w"], Float[Tensor, "1 3 H W"]]:
        """Return the latents of the picture as a frame was to carry it, and what is lost on their way back."""
        if self._pose is not None:
            return self._round_trip(self._pose(number).pixels)
        if self._still is None:
            self._still = self._round_trip(self._picture)
        return self._still

    def _round_trip(self, picture: Pixels) -> tuple[Float[Tensor, "1 c h w"], Float[Tensor, "1 3 H W"]]:
        shown = signed(picture)[None].to(self._autoencoder.latent_mean)
        latents = self._autoencoder.encode(shown)
        return latents, shown - self._autoencoder.decode(latents)


def _kept(
    latents: Float[Tensor, "1 c h w"], carried: Float[Tensor, "1 c h w"], like: Float[Tensor, "1 3 H W"]
) -> Float[Tensor, "1 1 H W"]:
    """Return how far each pixel is of latents that the model left as they were."""
    unlike = (latents - carried).square().mean(dim=1, keepdim=True)
    around = functional.max_pool2d(unlike, AROUND, stride=1, padding=AROUND // 2)
    return torch.exp(-functional.interpolate(around, like.shape[-2:], mode="bilinear") / ALIKE)
