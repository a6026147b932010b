"""The head of a driving video, moved onto the reference's head."""

import numpy as np
from jaxtyping import Bool, Complex128, Float64

from cyberhost_cli.preprocess.bones import Poses
from cyberhost_cli.types import FACE

HEAD = (0, 1, 2, 3, 4, *range(FACE.start, FACE.stop))
"""Nose, eyes and ears of the body, then the 68 points of the face."""
# By their place in `HEAD`.
RIGID, MOUTH = slice(5 + 27, 5 + 48), slice(5 + 48, 5 + 68)
"""Nose and eyes, which move with the skull alone, and the lips."""
LITTLE = 0.02
"""Weight of the other points, which expression moves or hair hides, for where the skull is."""
MOUTH_WEIGHT = 3.0
"""Weight of the lips where faces are compared: an open mouth is no rest for a closed one."""
SMALL = 1e-9
"""Squared pixels; a shape of less extent has no size."""

Places = Complex128[np.ndarray, "#f h"]
Weights = Float64[np.ndarray, "#f h"]


def place(driver: Poses, reference: Poses, scale: float) -> tuple[Places, Bool[np.ndarray, "f h"]]:
    """Return the driver's heads as the reference's, whose neck rests, and which of their points could be placed.

    The skull moves and turns as the driver's does from the frame in which it is most like the reference's. What the
    driver's face does beside that is added to the reference's face, at its size. Points that the reference does not
    show are the driver's, scaled. `scale` stands in for the ratio of the faces where there is too little of them.
    """
    heads, known = driver.places[:, HEAD], driver.known[:, HEAD]
    face, shown = reference.places[:, HEAD], reference.known[0, HEAD]
    at = _rest(heads, known, face, shown)
    still, both = heads[at : at + 1], known[at] & shown
    weights = np.where(known & both, LITTLE, 0)
    weights[:, RIGID] /= LITTLE
    turn = _factor(still, heads, weights, 1.0)[:, None]
    size = complex(_factor(still, face, weights[at : at + 1], scale)[0])
    here, there, wanted = (_middle(each, weights) for each in (heads, still, face))
    moved = (here - driver.neck) - (there - driver.neck[at])
    centre = (wanted + abs(size) * moved)[:, None]
    skull = centre + turn * (face - wanted[:, None])
    seen = heads - here[:, None]
    alive = skull + size * (seen - turn * (still - there[:, None]))
    placed = np.where(both, alive, np.where(shown, skull, centre + size * seen))
    return placed, known & (weights > 0).any(axis=1, keepdims=True)


def _rest(heads: Places, known: Bool[np.ndarray, "f h"], face: Places, shown: Bool[np.ndarray, "h"]) -> int:
    """Return the frame whose head is turned and tilted most like the reference's, with such a mouth."""
    weights = np.where(known & shown, 1.0, 0.0)
    common = weights.sum(axis=1)
    weights[:, MOUTH] *= MOUTH_WEIGHT
    ours, theirs = (each - _middle(each, weights)[:, None] for each in (face, heads))
    size, their_size = ((weights * abs(each) ** 2).sum(axis=1) for each in (ours, theirs))
    scale = np.sqrt(size / np.maximum(their_size, SMALL))[:, None]
    unlike = (weights * abs(ours - scale * theirs) ** 2).sum(axis=1) / np.maximum(size, SMALL)
    return int(np.where(2 * common >= common.max(), unlike, np.inf).argmin())


def _middle(places: Places, weights: Weights) -> Complex128[np.ndarray, "g"]:
    """Return the weighted mean in every frame, 0 where nothing counts."""
    middle: np.ndarray = (weights * places).sum(axis=1) / np.maximum(weights.sum(axis=1), SMALL)
    return middle


def _factor(one: Places, other: Places, weights: Weights, otherwise: float) -> Complex128[np.ndarray, "g"]:
    """Return what turns and scales one shape onto the other by least squares, or `otherwise` for less than a shape."""
    start, end = (each - _middle(each, weights)[:, None] for each in (one, other))
    size = (weights * abs(start) ** 2).sum(axis=1)
    overlap = (weights * start.conj() * end).sum(axis=1)
    factor: np.ndarray = np.where(size > SMALL, overlap / np.maximum(size, SMALL), otherwise)
    return factor
