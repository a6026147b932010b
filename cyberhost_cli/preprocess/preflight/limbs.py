"""Figures of the limbs: how long they are against what humans have."""

import math

import numpy as np
from jaxtyping import Float64

from cyberhost_cli.config.preflight import LimbLimits
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, Figure, Keypoints

FACE_SHARE, TRUNK_SHARE = 0.45, 1.6
"""Height of the face, brows to chin, and length of the trunk, shoulders to hips, in widths between the shoulders.

Median of sixty rendered actors, who vary by a tenth. The joints of their shoulders are 0.18 statures apart, and their
trunk is 0.29 statures long, as in Drillis and Contini (1966), Body Segment Parameters.
"""
SHOULDERS, HIPS = (5, 6), (11, 12)
SIDES = ((5, 7, 9, LEFT_HAND), (6, 8, 10, RIGHT_HAND))
"""Shoulder, elbow, wrist and hand of either side."""
FINGER = (0, 9, 10, 11, 12)
"""Points of a hand from the wrist to the tip of the middle finger."""


def measure(keypoints: Keypoints, size: tuple[int, int], limits: LimbLimits) -> tuple[Figure, ...]:
    """Measure the longer one of each pair of limbs; `size` is the picture's (height, width).

    A limb that points at the camera looks short. So only too long is told, the body's width is taken from its longest
    evidence, and left is not held against right. Limbs that are not seen, or not wholly in the picture, are left out.
    """
    places = _places(keypoints, size)
    shoulders, trunk, face = _span(places, *SHOULDERS), _trunk(places), regions.known_face(keypoints).height
    body = _longest(shoulders, trunk / TRUNK_SHARE)
    whole = _longest(body, face / FACE_SHARE)
    advice = "use a picture of a person with human proportions, seen without a wide-angle lens and with the limbs free"
    upper_arm = _longest(*(_span(places, side[0], side[1]) for side in SIDES))
    forearm = _longest(*(_span(places, side[1], side[2]) for side in SIDES))
    hand = _longest(*(_span(places[side[3]], *FINGER) for side in SIDES))
    found = (
        ("head", face / body, limits.head, "the height of the face"),
        ("upper_arm", upper_arm / whole, limits.upper_arm, "the upper arm"),
        ("forearm", forearm / whole, limits.forearm, "the forearm"),
        ("hand", hand / whole, limits.hand, "the hand"),
    )
    return tuple(
        Figure(f"limbs.{name}", value, low, high, f"{what} in widths of the shoulders", advice)
        for name, value, (low, high), what in found
        if not math.isnan(value)
    )


def _places(keypoints: Keypoints, size: tuple[int, int]) -> Float64[np.ndarray, "133 2"]:
    """Return x and y, NaN of points that are not known or beyond the picture, where a detector only guesses."""
    places = keypoints[:, :2].astype(np.float64)
    x, y = places.T
    known = (keypoints[:, 2] > 0) & (x >= 0) & (x < size[1]) & (y >= 0) & (y < size[0])
    places[~known] = np.nan
    return places


def _span(places: Float64[np.ndarray, "k 2"], *points: int) -> float:
    """Return the length of the line through the points, NaN if one is not known."""
    return float(np.linalg.norm(np.diff(places[list(points)], axis=0), axis=1).sum())


def _trunk(places: Float64[np.ndarray, "133 2"]) -> float:
    middles = np.stack([places[list(SHOULDERS)].mean(axis=0), places[list(HIPS)].mean(axis=0)])
    return _span(middles, 0, 1)


def _longest(*lengths: float) -> float:
    """Return the longest length that is known, NaN if none is."""
    return max((length for length in lengths if length > 0), default=math.nan)
