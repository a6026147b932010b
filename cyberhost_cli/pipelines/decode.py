"""Decode: finished latents become pixels, with what the autoencoder loses of the picture given back."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.pipelines.carried import Carried
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

    def __init__(self, clip: PreparedClip, model: CyberHost, detail: float, carried: Carried | None) -> None:
        self._picture, self._detail, self._autoencoder = clip.reference.picture, detail, model.autoencoder
        self._carried = carried
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
            shown, lost = self._shown(number)
            decoded = decoded + self._detail * _kept(latents[None], shown, decoded) * lost
        bytes_ = ((decoded[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        return bytes_.movedim(0, -1).cpu().numpy()

    def _shown(self, number: int) -> tuple[Float[Tensor, "1 c h w"], Float[Tensor, "1 3 H W"]]:
        """Return the latents of the picture as a frame was to carry it, and what is lost on their way back."""
        if self._carried is not None:
            carried = self._carried.frame(number)
            return carried.latents[None], self._lost(self._signed(carried.pixels), carried.latents[None])
        if self._still is None:
            picture = self._signed(self._picture)
            latents = self._autoencoder.encode(picture)
            self._still = latents, self._lost(picture, latents)
        return self._still

    def _signed(self, picture: Pixels) -> Float[Tensor, "1 3 H W"]:
        return signed(picture)[None].to(self._autoencoder.latent_mean)

    def _lost(self, picture: Float[Tensor, "1 3 H W"], latents: Float[Tensor, "1 c h w"]) -> Float[Tensor, "1 3 H W"]:
        return picture - self._autoencoder.decode(latents)


def _kept(
    latents: Float[Tensor, "1 c h w"], shown: Float[Tensor, "1 c h w"], like: Float[Tensor, "1 3 H W"]
) -> Float[Tensor, "1 1 H W"]:
    """Return how far each pixel is of latents that the model left as they were."""
    unlike = (latents - shown).square().mean(dim=1, keepdim=True)
    around = functional.max_pool2d(unlike, AROUND, stride=1, padding=AROUND // 2)
    return torch.exp(-functional.interpolate(around, like.shape[-2:], mode="bilinear") / ALIKE)
