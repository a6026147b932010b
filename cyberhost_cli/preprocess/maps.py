"""Drawn maps that tell the denoiser where the body goes."""

from collections.abc import Collection
from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8

from cyberhost_cli.config.model import Map
from cyberhost_cli.preprocess import skeleton


def draw(
    known: Collection[Map],
    movement: UInt8[np.ndarray, "H W"],
    driven: Literal["body", "hands"] | None,
    keypoints: Float32[np.ndarray, "_f 133 3"],
) -> UInt8[np.ndarray, "_k H W 3"] | None:
    """Draw the map of each frame, or one for all, of the kinds that a model knows; None where it knows none.

    Driven hands are drawn over the body movement map, since sound still moves the body (the paper does not say how), or
    alone where a model knows no such map.
    """
    height, width = movement.shape
    if driven == "body":
        return skeleton.draw_track(keypoints, height, width)
    if "movement" not in known:
        return skeleton.draw_hands(keypoints, height, width) if driven == "hands" else None
    under = grey(movement)
    return under if driven is None else skeleton.draw_hands_on(under[0], keypoints)


def grey(drawn: UInt8[np.ndarray, "H W"]) -> UInt8[np.ndarray, "1 H W 3"]:
    """Return one map for all frames, with three equal channels."""
    return np.repeat(drawn[None, :, :, None], 3, axis=3)
