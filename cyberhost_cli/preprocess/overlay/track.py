"""Tracked poses over the frames that they were found in."""

from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw

from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.preprocess.overlay import ink
from cyberhost_cli.types import Frames, Keypoints, Pixels


def draw_track(frames: Iterable[Frames], keypoints: Float32[np.ndarray, "all 133 3"]) -> Iterator[Frames]:
    """Draw one pose on each frame, with the frame's number; an odd last row or column is cut off."""
    number = 0
    for chunk in frames:
        height, width = (side // 2 * 2 for side in chunk.shape[1:3])
        poses = keypoints[number : number + len(chunk)]
        numbered = zip(chunk[:, :height, :width], poses, range(number, number + len(chunk)), strict=True)
        yield np.stack([_draw(*each) for each in numbered])
        number += len(chunk)


def _draw(picture: Pixels, pose: Keypoints, number: int) -> Pixels:
    canvas = Image.fromarray(skeleton.draw_on(picture, pose))
    known = int((pose[:, 2] > 0).sum())
    text = f"frame {number}  {known} points" if known else f"frame {number}  nobody found"
    colour = ink.TEXT if known else ink.WARNING
    ink.write(ImageDraw.Draw(canvas), (6, 6), text, colour, ink.LARGE, outline=ink.OUTLINE)
    return np.array(canvas)
