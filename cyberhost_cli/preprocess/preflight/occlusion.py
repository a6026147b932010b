"""Figures of what hides a face, from its pixels too: few detectors are less sure of points that they only guess."""

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.config.preflight import FaceLimits
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND, Box, Figure, Keypoints, Pixels

Face = Float32[np.ndarray, "68 3"]
Tile = Float32[np.ndarray, "rows columns"]

FEATURES = (slice(36, 42), slice(42, 48), slice(48, 68))
"""Of the 68 points: right eye, left eye and mouth, which stand out of every face."""
FEATURE_MARGIN = 0.1
"""Skin on either side of a feature that it stands out of, in widths of it."""
SKIN = ((27, 28, 29), (36, 48, 31, 2), (45, 54, 35, 14), (57, 8))
"""Points amid which bare skin lies: bridge of the nose, either cheek and chin."""
PATCH = 0.1
"""Side of a patch of skin in heights of the face."""
PATCH_PIXELS = 6
BLACK = 4.0
"""Added to all levels, since very dark pixels have no certain colour."""


def measure(
    picture: Pixels, tile: Tile, keypoints: Keypoints, box: Box, limits: FaceLimits
) -> tuple[Figure, Figure, Figure]:
    """Measure how much of the face's rectangle `box`, whose grey levels are `tile`, is to be seen."""
    free = "use a picture in which no hand, mask, dark glasses or other thing hides the face"
    hidden, flat = covered(keypoints, box), features(tile, keypoints[FACE], box)
    patchy = colours(picture, keypoints[FACE], box)
    return (
        Figure("face.covered", hidden, *limits.covered, "the share of the face behind a hand", free),
        Figure("face.features", flat, *limits.features, "the contrast of the faintest of eyes and mouth", free),
        Figure("face.colours", patchy, *limits.colours, "the difference in hue between parts of the face", free),
    )


def covered(keypoints: Keypoints, face: Box) -> float:
    """Return the share of the face's rectangle that the rectangle of a hand covers."""
    hands = (regions.extent(keypoints[part]) for part in (LEFT_HAND, RIGHT_HAND))
    return max((_common(face, hand) / (face.width * face.height) for hand in hands if hand is not None), default=0.0)


def features(tile: Tile, face: Face, box: Box) -> float:
    """Return the least contrast of an eye or the mouth, in contrasts of the whole face.

    It is 0 where something covers one, or one is not known.
    """
    places = face.copy()
    places[:, :2] = (places[:, :2] - (box.left, box.top)) * (len(tile) / max(box.height, 1.0))
    least = min(_contrast(tile, places[part]) for part in FEATURES)
    return least / max(float(tile.std()), 1 / 255)


def colours(picture: Pixels, face: Face, box: Box) -> float:
    """Return how far the hue of the oddest patch of skin lies from the median one, in logarithms of ratios.

    Shade and light change all three colours alike, and so not their ratios.
    """
    half = PATCH * box.height / 2
    hues = []
    for points in SKIN:
        if not face[list(points), 2].all():
            continue
        x, y = face[list(points), :2].mean(axis=0).tolist()
        patch = regions.crop(picture, Box(x - half, y - half, x + half, y + half), PATCH_PIXELS)
        red, green, blue = np.log(np.median(patch.reshape(-1, 3), axis=0) + BLACK)
        hues.append((red - green, green - blue))
    return float(np.linalg.norm(hues - np.median(hues, axis=0), axis=1).max()) if hues else 0.0


def _contrast(tile: Tile, points: Float32[np.ndarray, "k 3"]) -> float:
    """Return the standard deviation of the rectangle about the points, 0 if one is not known."""
    if not points[:, 2].all():
        return 0.0
    margin = FEATURE_MARGIN * float(np.ptp(points[:, 0]))
    left, top = np.floor(points[:, :2].min(axis=0) - margin).astype(int).clip(0).tolist()
    right, bottom = np.ceil(points[:, :2].max(axis=0) + margin).astype(int).tolist()
    return float(tile[top : bottom + 1, left : right + 1].std())


def _common(one: Box, other: Box) -> float:
    """Return the area of what two boxes share."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, across) * max(0.0, down)
