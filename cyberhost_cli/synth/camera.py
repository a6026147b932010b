"""Where the picture is taken from, and what part of the person it shows."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

DISTANCE = 2.0
"""Metres between the camera and the face."""
FACE_HEIGHTS = 3.6
"""Height of the frame in heights of the face."""
FACE_TOP = 0.36
"""Where the middle of the face lies, from the top; higher up the frame would cut off the top of the head."""


@dataclass(frozen=True)
class Camera:
    """A camera that looks along +y, with a shifted lens instead of a turned body."""

    size: int
    place: Float64[np.ndarray, "3"]
    focal: float
    """Pixels."""
    centre: tuple[float, float]
    """The pixel straight ahead."""

    def project(self, points: Float32[np.ndarray, "*n 3"]) -> Float64[np.ndarray, "*n 2"]:
        """Return the pixels, x right and y down, at which points are seen."""
        x, y, z = np.moveaxis(points - self.place, -1, 0)
        return np.stack([self.centre[0] + self.focal * x / y, self.centre[1] - self.focal * z / y], axis=-1)


def frame_face(face: Float32[np.ndarray, "68 3"], size: int, random: np.random.Generator | None) -> Camera:
    """Place the camera so that `face` has its usual size and place in the frame, give or take a little at `random`."""
    middle = (face.max(axis=0) + face.min(axis=0)) / 2
    larger, right, down = np.zeros(3) if random is None else random.uniform(-1, 1, 3) * (0.08, 0.05, 0.02)
    place = np.array([middle[0], middle[1] - DISTANCE, middle[2]])
    focal = size / (FACE_HEIGHTS * (1 + larger)) * DISTANCE / float(np.ptp(face[:, 2]))
    return Camera(size, place, focal, (size * (0.5 + right), size * (FACE_TOP + down)))
