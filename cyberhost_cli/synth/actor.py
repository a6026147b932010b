"""A random person: shape, colours, hair, clothes, background and light, all from one seed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

Colour = Float64[np.ndarray, "3"]
HairShape = Literal["buzz", "short", "fringe", "curly", "bob", "long", "bun"]
Neckline = Literal["crew", "vee", "scoop", "polo"]
Pattern = Literal["plain", "stripes", "yoke", "sleeves", "jacket"]

_SKINS = {
    "caucasian": ((0.95, 0.79, 0.70), (0.90, 0.71, 0.60), (0.84, 0.64, 0.51)),
    "asian": ((0.93, 0.77, 0.63), (0.85, 0.67, 0.52), (0.73, 0.54, 0.40)),
    "african": ((0.60, 0.41, 0.30), (0.48, 0.32, 0.23), (0.38, 0.25, 0.18)),
}
_HAIRS = ((0.09, 0.07, 0.06), (0.16, 0.10, 0.07), (0.28, 0.17, 0.10), (0.42, 0.27, 0.14))
_FAIR_HAIRS = (*_HAIRS, (0.72, 0.55, 0.30), (0.55, 0.25, 0.12), (0.62, 0.60, 0.58))
_IRISES = ((0.25, 0.14, 0.07), (0.33, 0.20, 0.10), (0.30, 0.42, 0.30), (0.28, 0.42, 0.58), (0.40, 0.44, 0.46))


@dataclass(frozen=True)
class Hair:
    """Shape and colour of the hair; lengths in metres."""

    shape: HairShape
    colour: Colour
    volume: float
    line: float
    """How much higher than average the hair begins."""
    parting: float
    """-1 combed to the right, 1 to the left."""


@dataclass(frozen=True)
class Clothes:
    """A shirt; lengths in metres."""

    neckline: Neckline
    pattern: Pattern
    colour: Colour
    second: Colour
    sleeve: float
    """Where the sleeves end, as the distance from the middle of the body with the arms half raised."""
    stripe: float
    thickness: float


@dataclass(frozen=True)
class Actor:
    """One synthetic person and the place where it stands."""

    seed: int
    phenotype: dict[str, float]
    skin: Colour
    lips: Colour
    brows: Colour
    brow_height: float
    brow_width: float
    iris: Colour
    hair: Hair
    clothes: Clothes
    wall_top: Colour
    wall_bottom: Colour
    light: Colour
    """Direction towards the lamp."""
    ambient: float


def random_actor(seed: int) -> Actor:
    """Make the person of `seed`."""
    random = np.random.default_rng([seed, 1])
    origin = str(random.choice(list(_SKINS)))
    woman = bool(random.uniform() < 0.5)
    tones = np.array(_SKINS[origin])
    skin = np.clip(tones[random.integers(len(tones))] + random.normal(0, 0.015, 3), 0, 1)
    hairs = _FAIR_HAIRS if origin == "caucasian" else _HAIRS
    hair = np.clip(np.array(hairs[random.integers(len(hairs))]) * random.uniform(0.85, 1.15), 0, 1)
    irises = _IRISES if origin == "caucasian" else _IRISES[:2]
    wall = _wall(random)
    return Actor(
        seed=seed,
        phenotype=_phenotype(random, origin, woman),
        skin=skin,
        lips=_lips(random, skin, woman),
        brows=hair * 0.7 + skin * 0.12,
        brow_height=random.uniform(-0.001, 0.003),
        brow_width=random.uniform(0.0022, 0.0042) * (0.85 if woman else 1.15),
        iris=np.array(irises[random.integers(len(irises))]),
        hair=_hair(random, hair, woman),
        clothes=_clothes(random, (wall, skin)),
        wall_top=wall,
        wall_bottom=np.clip(wall * random.uniform(0.7, 1.1), 0, 1),
        light=np.array([random.uniform(-0.7, 0.7), -1.0, random.uniform(0.25, 0.8)]),
        ambient=random.uniform(0.42, 0.58),
    )


def _phenotype(random: np.random.Generator, origin: str, woman: bool) -> dict[str, float]:
    origins = {name: random.uniform(0, 0.3) for name in _SKINS}
    origins[origin] = 1.0
    return {
        "gender": random.uniform(0.8, 1.0) if woman else random.uniform(0.0, 0.2),
        "age": random.uniform(0.6, 0.9),
        "muscle": random.uniform(0.3, 0.7),
        "weight": random.uniform(0.3, 0.75),
        "height": random.uniform(0.3, 0.7),
        "proportions": random.uniform(0.4, 0.9),
        "cupsize": random.uniform(0.1, 0.4),
        "firmness": random.uniform(0.4, 0.7),
    } | origins


def _lips(random: np.random.Generator, skin: Colour, woman: bool) -> Colour:
    """Make lips darker and redder than the skin, so that the mouth can be seen at any size."""
    rouge = np.array([0.72, 0.16, 0.20]) if woman else np.array([0.66, 0.27, 0.25])
    share = random.uniform(0.55, 0.85) if woman else random.uniform(0.45, 0.65)
    return np.asarray((share * rouge + (1 - share) * skin) * (0.6 + 0.4 * skin.mean()))


def _hair(random: np.random.Generator, colour: Colour, woman: bool) -> Hair:
    shapes = ["short", "fringe", "curly", "bob", "long", "bun"] if woman else ["buzz", "short", "fringe", "curly"]
    weights = [0.1, 0.1, 0.1, 0.25, 0.3, 0.15] if woman else [0.2, 0.4, 0.25, 0.15]
    return Hair(
        shape=random.choice(np.array(shapes), p=weights).item(),
        colour=colour,
        volume=random.uniform(0.8, 1.3),
        line=random.uniform(-0.006, 0.006),
        parting=random.uniform(-1, 1),
    )


def _clothes(random: np.random.Generator, apart: tuple[Colour, ...]) -> Clothes:
    colour = _cloth(random, apart)
    patterns: list[Pattern] = ["plain", "stripes", "yoke", "sleeves", "jacket"]
    necklines: list[Neckline] = ["crew", "vee", "scoop", "polo"]
    return Clothes(
        neckline=necklines[random.integers(4)],
        pattern=patterns[random.choice(5, p=[0.4, 0.15, 0.12, 0.13, 0.2])],
        colour=colour,
        second=_cloth(random, apart),
        sleeve=random.choice([0.26, 0.30, 0.6, 0.6]),
        stripe=random.uniform(0.025, 0.06),
        thickness=random.uniform(0.004, 0.008),
    )


def _cloth(random: np.random.Generator, apart: tuple[Colour, ...]) -> Colour:
    """Choose a colour that is taken neither for the wall nor for skin."""
    while True:
        colour = _from_hue(random.uniform(), random.uniform(0.1, 0.75), random.uniform(0.2, 0.9))
        if all(np.abs(colour - other).max() > 0.25 for other in apart):
            return colour


def _wall(random: np.random.Generator) -> Colour:
    return _from_hue(random.uniform(), random.uniform(0.02, 0.3), random.uniform(0.45, 0.9))


def _from_hue(hue: float, saturation: float, value: float) -> Colour:
    offsets = np.abs((hue * 6 + np.array([0.0, 4.0, 2.0])) % 6 - 3) - 1
    return np.asarray(value * (1 - saturation * (1 - np.clip(offsets, 0, 1))))
