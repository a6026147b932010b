"""Rotation matrices, one per frame."""

import numpy as np
from jaxtyping import Float32, Float64

Vectors = Float64[np.ndarray, "f 3"]
Matrices = Float64[np.ndarray, "f 3 3"]


def about(axis: Float64[np.ndarray, "*f 3"], angle: Float64[np.ndarray, "f"]) -> Matrices:
    """Return turns by `angle` radians about `axis` (Rodrigues)."""
    x, y, z = np.broadcast_to(axis / np.linalg.norm(axis, axis=-1, keepdims=True), (len(angle), 3)).T
    zero = np.zeros_like(x)
    k = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sine * k + (1 - cosine) * k @ k


def euler(pitch: Float64[np.ndarray, "f"], roll: Float64[np.ndarray, "f"], yaw: Float64[np.ndarray, "f"]) -> Matrices:
    """Return turns about the body's axes: nodding, tilting to the side, and looking aside."""
    return about(np.array([0.0, 0, 1]), yaw) @ about(np.array([0.0, 1, 0]), roll) @ about(np.array([1.0, 0, 0]), pitch)


def basis(along: Vectors, beside: Vectors) -> Matrices:
    """Return the right-handed frames whose first axis is `along` and whose second lies towards `beside`."""
    first = unit(along)
    second = unit(beside - (beside * first).sum(axis=1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], axis=2)


def unit(vectors: Vectors) -> Vectors:
    """Scale to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def single(matrices: Matrices) -> Float32[np.ndarray, "f 3 3"]:
    """Return the matrices in single precision."""
    return matrices.astype(np.float32)
