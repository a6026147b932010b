"""Hands cut out of a picture, and what is painted over where they were."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Complex128, Float32
from PIL import Image, ImageDraw, ImageFilter

from cyberhost_cli.preprocess import regions
from cyberhost_cli.preprocess.skeleton import FINGERS
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, Keypoints, Pixels

# Lengths are those of the way from a wrist to the middle of its fingers' points.
FINGER, ARM = 0.28, 0.5
"""How wide fingers and the end of the forearm are cut out."""
STUB = 1.0
"""How much of the forearm goes along with the hand."""
HIDDEN = 1.5
"""How much wider than what is cut out is what is painted over where it was."""
SOFT = 0.004
"""How far the edges of what is cut out are softened, as a share of the picture's longer side."""
ENOUGH = 0.1
"""Share of what is around a place that must be known to paint it over by that alone."""

NEAR = 0.1
"""Distance within which a point alone says where its place goes, beside the mean of those from a hand's middle."""
LARGER = 1.25
"""How many times larger or smaller than in the picture a piece of a hand is shown at most."""

Hand = Float32[np.ndarray, "21 3"]
Points = Complex128[np.ndarray, "k"]
"""x + iy."""
Places = Complex128[np.ndarray, "H W"]
Size = tuple[int, int]
"""Height and width."""


@dataclass(frozen=True)
class Cutout:
    """A hand that a picture shows, with the end of its forearm, on nothing."""

    part: slice
    """Where its points lie among a person's."""
    points: Hand
    pixels: Float32[np.ndarray, "H W 4"]
    """With their opacity."""


def cut_out(picture: Pixels, keypoints: Keypoints) -> tuple[tuple[Cutout, ...], Pixels]:
    """Return the hands that are known, and the picture with a blur of what is around them in their place."""
    size = picture.shape[0], picture.shape[1]
    cutouts, hidden = [], np.zeros(size, bool)
    for part, points in _hands(keypoints):
        pixels = Image.fromarray(picture).convert("RGBA")
        pixels.putalpha(_cover(points, size, 1.0).filter(ImageFilter.GaussianBlur(SOFT * max(size))))
        cutouts.append(Cutout(part, points, np.asarray(pixels, np.float32)))
        hidden |= np.asarray(_cover(points, size, HIDDEN, stub=0.0)) > 0
    return tuple(cutouts), _painted_over(picture, hidden)


def lay_over(shown: Float32[np.ndarray, "H W 4"], cutout: Cutout, here: Points, there: Points) -> None:
    """Lay a hand over a picture, its points `here` where they are `there`, and what is between them as they go.

    The last channel of `shown` is how far a hand covers a place, 0..255.

    Each place is turned and scaled as the points near it are (Schaefer et al., 2006, moving least squares).
    """
    reach, (height, width) = (STUB + ARM) * abs(there - there.mean()).max(), shown.shape[:2]
    rows, columns = (
        slice(max(0, int(each.min() - reach)), min(side, int(each.max() + reach) + 1))
        for each, side in ((there.imag, height), (there.real, width))
    )
    places = np.arange(width)[columns] + 0.5 + 1j * (np.arange(height)[rows, None] + 0.5)
    if not places.size:
        return
    pixels = looked_up(cutout.pixels, _origins(places, here, there))
    part, cover = shown[rows, columns], pixels[:, :, 3:] / 255
    part[:, :, :3] += cover * (pixels[:, :, :3] - part[:, :, :3])
    np.maximum(part[:, :, 3:], pixels[:, :, 3:], out=part[:, :, 3:])


def _origins(places: Places, here: Points, there: Points) -> Places:
    """Return where in the picture lies what is at some places once points went from `here` to `there`."""
    # From the middles of both, where the differences below lose nothing.
    middle, other = here.mean(), there.mean()
    here, there, places = here - middle, there - other, places - other
    size = abs(there).mean()
    weights = (places.real[:, :, None] - there.real) ** 2 + (places.imag[:, :, None] - there.imag) ** 2
    weights = 1 / (weights + (NEAR * size) ** 2 + 1e-6)
    weights /= weights.sum(axis=2, keepdims=True)
    # Means of products less products of means: no array of every place and point but that of the weights.
    products = np.stack((here, there, there.conj() * here, there.conj() * there), axis=1)
    means = (weights @ products.view(np.float64)).view(np.complex128)
    before, after = means[:, :, 0], means[:, :, 1]
    turned = means[:, :, 2] - after.conj() * before
    spread = means[:, :, 3].real - abs(after) ** 2
    factor = turned / np.maximum(spread, 1e-9)
    factor *= np.clip(abs(factor), 1 / LARGER, LARGER) / np.maximum(abs(factor), 1e-9)
    return middle + before + factor * (places - after)


def looked_up(values: np.ndarray, places: Places) -> np.ndarray:
    """Return what lies at some places, between pixels in straight lines; beyond the picture its edge goes on."""
    height, width = values.shape[:2]
    x, y = (np.clip(each - 0.5, 0, side - 1) for each, side in ((places.real, width), (places.imag, height)))
    left, top = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    extra = (1,) * (values.ndim - 2)
    across, down = (
        (each - first).astype(values.real.dtype).reshape(*each.shape, *extra) for each, first in ((x, left), (y, top))
    )
    flat, corner = values.reshape(height * width, *values.shape[2:]), top * width + left
    upper, lower = (
        before + (after - before) * across
        for before, after in ((flat.take(corner + place, axis=0) for place in (row, row + 1)) for row in (0, width))
    )
    return np.asarray(upper + (lower - upper) * down)


def _hands(keypoints: Keypoints) -> Iterator[tuple[slice, Hand]]:
    """Yield the hands that are known, each with its wrist."""
    for part, wrist in ((LEFT_HAND, 9), (RIGHT_HAND, 10)):
        points = keypoints[part].copy()
        if points[0, 2] == 0:
            points[0] = keypoints[wrist]
        if regions.extent(points) is not None and points[0, 2] > 0:
            yield part, points


def _cover(points: Hand, size: Size, wider: float, stub: float = STUB) -> Image.Image:
    """Return where a hand and the end of its forearm are."""
    cover = Image.new("L", size[::-1])
    draw, wrist = ImageDraw.Draw(cover), points[0, :2]
    along = wrist - points[1:, :2].mean(axis=0, where=points[1:, 2:] > 0)
    length = wider * float(np.linalg.norm(along))
    for finger in FINGERS:
        _draw(draw, [points[point, :2] for point in finger if points[point, 2] > 0], FINGER * length)
    if stub:
        _draw(draw, [wrist, wrist + stub * along], ARM * length)
    return cover


def _draw(draw: ImageDraw.ImageDraw, points: list[Float32[np.ndarray, "2"]], wide: float) -> None:
    """Draw a line with round ends and corners."""
    places = [(float(x), float(y)) for x, y in points]
    draw.line(places, fill=255, width=max(1, round(wide)))
    for x, y in places:
        draw.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=255)


def _painted_over(picture: Pixels, hidden: Bool[np.ndarray, "H W"]) -> Pixels:
    """Give what is hidden the mean of what is known around it, as near as enough is."""
    height, width = hidden.shape
    known = (~hidden).astype(np.float32)
    layers = [*(known * channel for channel in np.moveaxis(picture.astype(np.float32), -1, 0)), known]
    painted, missing, cell = known[:, :, None] * picture, 1 - known, 2
    while missing.any() and cell < 2 * max(height, width):
        *colours, share = (_blurred(layer, cell) for layer in layers)
        taken = missing * np.clip(share / ENOUGH, 0, 1)
        painted += taken[:, :, None] * np.stack(colours, axis=2) / np.maximum(share, 1e-6)[:, :, None]
        missing, cell = missing - taken, 2 * cell
    return painted.clip(0, 255).round().astype(np.uint8)


def _blurred(layer: Float32[np.ndarray, "H W"], cell: int) -> Float32[np.ndarray, "H W"]:
    """Return the means of square cells, with smooth passages between them."""
    height, width = layer.shape
    small = Image.fromarray(layer).resize((-(-width // cell), -(-height // cell)), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))
