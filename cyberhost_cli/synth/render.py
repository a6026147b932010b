"""Pictures of an actor by ray casting: one lamp with shadows, a bright room, smooth surfaces."""

from typing import Any

import numpy as np
import warp as wp
from jaxtyping import Float32

from cyberhost_cli.synth import kernels
from cyberhost_cli.synth.camera import Camera
from cyberhost_cli.synth.figure import Figure
from cyberhost_cli.types import Pixels

_SHADOW = 0.45
"""Share of the lamp's light that is left in its shadow; a real lamp is not a point."""


class Renderer:
    """Renders the frames of one figure from one camera."""

    def __init__(self, figure: Figure, first: Float32[np.ndarray, "v 3"], camera: Camera, oversample: int) -> None:
        """`first` is the surface from which the search tree is built; others are fitted into it."""
        self._faces = _array(figure.faces.ravel(), int)
        self._points = _array(first, wp.vec3)
        self._normals = wp.zeros_like(self._points)
        self._corners = _array(figure.body.corners.reshape(-1, 2), wp.vec2)
        self._colours = _array(figure.colours, wp.vec3)
        self._texture = _array(figure.texture, wp.vec3)
        self._mesh = wp.Mesh(points=self._points, indices=self._faces)
        self._camera, self._oversample = camera, oversample
        self._side = camera.size * oversample
        self._image = wp.zeros((self._side, self._side), dtype=wp.vec3, device="cpu")
        self._eye = wp.vec3(*camera.place.tolist())
        self._lens = wp.vec3(camera.focal * oversample, *(oversample * pixel for pixel in camera.centre))
        self._light = wp.vec3(*(figure.actor.light / np.linalg.norm(figure.actor.light)).tolist())
        self._tone = wp.vec2(figure.actor.ambient, _SHADOW)
        rows = np.linspace(0, 1, self._side)[:, None, None]
        wall = figure.actor.wall_top * (1 - rows) + figure.actor.wall_bottom * rows
        self._wall = np.broadcast_to(wall, (self._side, self._side, 3)).astype(np.float32)

    def place(self, points: Float32[np.ndarray, "v 3"]) -> None:
        """Put the surface of one frame before the camera."""
        self._points.assign(points)
        self._mesh.refit()
        self._normals.zero_()
        inputs = [self._points, self._faces, self._normals]
        wp.launch(kernels.add_normals, dim=len(self._faces) // 3, inputs=inputs, device="cpu")

    def picture(self) -> Pixels:
        """Return one picture; the same input gives the same bytes."""
        self._image.assign(self._wall)
        surface = [self._mesh.id, self._normals, self._corners, self._colours, self._texture]
        scene = [self._eye, self._lens, self._light, self._tone]
        wp.launch(kernels.shade, dim=self._image.shape, inputs=[*surface, *scene, self._image], device="cpu")
        rays, times = self._image.numpy(), self._oversample
        image = sum(rays[row::times, column::times] for row in range(times) for column in range(times)) / times**2
        return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)

    def distances(self, targets: Float32[np.ndarray, "k 3"]) -> Float32[np.ndarray, "k"]:
        """Return how far from the camera the first surface towards each target is, infinity where there is none."""
        found = wp.zeros(len(targets), dtype=float, device="cpu")
        inputs = [self._mesh.id, self._eye, _array(targets, wp.vec3), found]
        wp.launch(kernels.probe, dim=len(targets), inputs=inputs, device="cpu")
        return np.asarray(found.numpy())


def _array(values: np.ndarray, kind: Any) -> wp.array:  # noqa: ANN401
    return wp.array(values, dtype=kind, device="cpu")
