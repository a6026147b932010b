"""The colours of a person's skin, eyes and clothes, painted once onto a texture."""

import numpy as np
from jaxtyping import Float32

from cyberhost_cli.synth import cloth
from cyberhost_cli.synth.actor import Actor, Complexion
from cyberhost_cli.synth.beard import beard
from cyberhost_cli.synth.body import Body, Points
from cyberhost_cli.synth.canvas import Canvas, Mask, canvas
from cyberhost_cli.synth.cloth import Colours, Places, mix

Texture = Float32[np.ndarray, "s s 4"]
_EDGE = 0.003
"""Metres over which the edge of the clothes fades."""
_CREASE = 0.003
"""Half the width of a wrinkle in metres."""
_SKIN, _CLOTH, _LIPS, _EYES, _WET = 0.10, 0.02, 0.22, 0.75, 0.3
"""Gloss of what is painted: how bright lamps are mirrored."""


def paint(body: Body, actor: Actor, rest: Points, size: int) -> Texture:
    """Paint `actor`, whose surface at rest is `rest`; rows of the texture go up, as texture coordinates do.

    The fourth number of a texel is its gloss.
    """
    surface = canvas(body, size)
    colour = np.empty((len(surface.texels), 4), np.float32)
    colour[:, :3], colour[:, 3] = actor.complexion.skin, _SKIN
    colour[surface.head] = _head(actor, surface)
    hands = colour[surface.hands]
    mix(hands[:, :3], surface.nails * 0.75, actor.complexion.nails)
    hands[:, 3] += 0.3 * surface.nails
    colour[surface.hands] = hands
    _dress(actor, surface, rest, colour)
    _inside(surface, colour)
    for side, sign in (("L", 1), ("R", -1)):
        centre = body.model.template_bone_heads[body.bones[f"eye.{side}"]].numpy()
        eye = surface.part(f"eye_front.{side}", f"eye_back.{side}")
        colour[eye, :3] = _eye(actor.complexion, surface.places[eye] - centre, sign)
        colour[eye, 3] = _EYES
    texture = np.zeros((size * size, 4), np.float32)
    texture[surface.texels] = np.clip(colour, 0, 1, out=colour)
    return texture.reshape(size, size, 4)


def _dress(actor: Actor, surface: Canvas, rest: Points, colour: Float32[np.ndarray, "n 4"]) -> None:
    depth = cloth.depth(actor.clothes, surface.places[surface.trunk])
    worn = surface.trunk[depth > -_EDGE]
    share = np.clip(depth[depth > -_EDGE] / _EDGE + 0.5, 0, 1)[:, None]
    own = np.einsum("nci,nc->ni", rest[surface.body.faces[surface.faces[worn]]], surface.weights[worn])
    painted = cloth.paint(actor.clothes, surface.places[worn], own)
    colour[worn, :3] += share * (painted - colour[worn, :3])
    colour[worn, 3:] += share * (_CLOTH - colour[worn, 3:])


def _head(actor: Actor, surface: Canvas) -> Float32[np.ndarray, "m 4"]:
    face = actor.complexion
    places = surface.places[surface.head]
    x, y, z = places.T
    colour = np.empty((len(x), 4), np.float32)
    colour[:, :3], colour[:, 3] = face.skin, _SKIN
    skin = colour[:, :3]
    _blush(face, skin, places)
    if face.wrinkles > 0:
        _wrinkle(face, skin, places)
    if actor.hair.beard != "none":
        mix(skin, beard(actor.hair, places) * (1 - surface.lips), 0.85 * actor.hair.colour)
    mix(skin, _brows(face, x, y, z), face.brows)
    mix(skin, surface.lips * 0.95, face.lips)
    colour[:, 3] += surface.lips * (_LIPS - _SKIN)
    lashes = np.clip(1.6 - surface.lids / 0.0017, 0, 1) * np.where(z > 0.7275, face.lashes, 0.5 * face.lashes)
    mix(skin, lashes.astype(np.float32), np.array([0.10, 0.07, 0.06]))
    return colour


def _spot(x: Mask, z: Mask, place: tuple[float, float], size: tuple[float, float]) -> Mask:
    """Return a soft spot on both sides of the face."""
    return np.exp(-(((np.abs(x) - place[0]) / size[0]) ** 2) - ((z - place[1]) / size[1]) ** 2)


def _blush(face: Complexion, skin: Colours, places: Places) -> None:
    x, y, z = places.T
    front = y < -0.09
    red = face.skin * np.array([1.0, 0.74, 0.72])
    flush = _spot(x, z, (0.043, 0.690), (0.018, 0.016)) + 0.7 * _spot(x, z, (0.0, 0.693), (0.014, 0.012))
    mix(skin, front * face.flush * flush, red)
    mix(skin, (y > -0.075) * (np.abs(x) > 0.07) * np.float32(0.35 * face.flush), red)
    mix(skin, front * 0.28 * _spot(x, z, (0.031, 0.730), (0.018, 0.010)), face.skin * (0.72, 0.66, 0.66))
    nostrils = front * np.clip(1.6 - np.hypot((np.abs(x) - 0.0065) / 0.0038, (z - 0.6815) / 0.0022), 0, 1)
    mix(skin, nostrils * 0.6, face.skin * (0.35, 0.25, 0.25))
    mix(skin, front * 0.3 * _spot(x, z, (0.0, 0.6435), (0.016, 0.0045)), face.skin * (0.75, 0.66, 0.64))
    if face.shadow_strength > 0:
        lid = front * _spot(x, z, (0.031, 0.7375), (0.016, 0.005)) * (z > 0.731)
        mix(skin, face.shadow_strength * lid, face.shadow)
    if face.freckles > 0:
        grain = np.sin(900 * x + 3 * np.sin(400 * z)) * np.sin(850 * z + 3 * np.sin(370 * x))
        where = _spot(x, z, (0.03, 0.695), (0.03, 0.018)) + 0.8 * _spot(x, z, (0.0, 0.70), (0.01, 0.01))
        mix(skin, front * face.freckles * where * np.clip(grain * 3 - 1.6, 0, 1), face.skin * (0.72, 0.58, 0.48))


def _wrinkle(face: Complexion, skin: Colours, places: Places) -> None:
    """Draw the lines of age: on the forehead, beside nose and mouth, below and beside the eyes."""
    x, y, z = places.T
    aside = np.abs(x)
    forehead = [np.abs(z - height - 0.02 * x**2 / 0.04) for height in (0.770, 0.781, 0.791)]
    lines = [np.where(aside < 0.042, line, 1.0) for line in forehead]
    fold = aside - np.interp(z, [0.648, 0.66, 0.675, 0.688], [0.034, 0.032, 0.026, 0.018])
    lines.append(np.where((z > 0.648) & (z < 0.688), np.abs(fold), 1.0))
    lines.append(np.where((aside > 0.018) & (aside < 0.045), np.abs(z - 0.7175 + 0.15 * (aside - 0.03)), 1.0))
    for slope in (-0.35, 0.05, 0.45):
        foot = np.abs(z - 0.729 - slope * (aside - 0.05))
        lines.append(np.where((aside > 0.051) & (aside < 0.064), foot, 1.0))
    nearest = np.min(lines, axis=0)
    share = np.clip(1.3 - nearest / _CREASE, 0, 1) * (y < -0.07) * 0.42 * face.wrinkles
    mix(skin, share.astype(np.float32), face.skin * (0.62, 0.52, 0.50))


def _brows(face: Complexion, x: Mask, y: Mask, z: Mask) -> Mask:
    along = (np.abs(x) - 0.013) / 0.040
    height = 0.7515 + face.brow_height + face.brow_arch * np.sin(np.clip(along, 0, 1) * 2.6)
    width = face.brow_width * (1.15 - 0.6 * np.clip(along, 0, 1))
    inside = np.clip(along * 4 + 0.7, 0, 1) * np.clip((1 - along) * 5 + 0.6, 0, 1)
    width = width * np.clip(along * 4 + 1.0, 0.4, 1)
    hairs = 1 - 0.18 * (0.5 + 0.5 * np.sin(1500 * np.abs(x) + 700 * z))
    share = (y < -0.08) * inside * np.clip(1.5 - np.abs(z - height) / width, 0, 1) * hairs * 0.95
    return np.asarray(share, np.float32)


def _inside(surface: Canvas, colour: Float32[np.ndarray, "n 4"]) -> None:
    """Paint what lies inside the mouth and behind the eyes."""
    cavity = surface.part("mouth_cavity")
    depth = np.clip((surface.places[cavity, 1] + 0.151) / 0.02, 0, 1)[:, None]
    colour[cavity, :3] = (1 - depth) * np.array([0.34, 0.08, 0.08]) + depth * np.array([0.12, 0.02, 0.03])
    tongue = surface.part("tongue")
    colour[tongue, :3] = (0.66, 0.26, 0.28)
    colour[tongue, 3] = _WET
    colour[surface.part("eye_cavity.L", "eye_cavity.R"), :3] = (0.25, 0.12, 0.10)


def _eye(face: Complexion, offset: Places, sign: int) -> Colours:
    axis = np.array([sign * 0.04, -1.0, 0.0], np.float32)
    cosine = offset @ axis / (np.linalg.norm(offset, axis=1) * np.linalg.norm(axis) + 1e-9)
    angle = np.arccos(np.clip(cosine, -1, 1))
    colour = np.empty((len(offset), 3), np.float32)
    colour[:] = (0.93, 0.92, 0.90)
    mix(colour, np.clip((0.48 - angle) / 0.03, 0, 1), face.iris * 0.4)
    mix(colour, np.clip((0.42 - angle) / 0.05, 0, 1), face.iris)
    mix(colour, np.clip((0.20 - angle) / 0.03, 0, 1), np.array([0.02, 0.02, 0.02]))
    return colour
