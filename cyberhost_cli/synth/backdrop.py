"""What is seen behind an actor: walls and rooms out of focus, made of a few soft shapes."""

import numpy as np
from jaxtyping import Float32, Float64

from cyberhost_cli.synth.actor import Colour, Place

Picture = Float32[np.ndarray, "s s 3"]
Share = float | int
Grid = Float64[np.ndarray, "s s"]


def backdrop(place: Place, size: int) -> Picture:
    """Paint the background of a picture of `size`."""
    random = np.random.default_rng([place.seed, 5])
    y, x = np.meshgrid(*[(np.arange(size) + 0.5) / size] * 2, indexing="ij")
    scene = _Scene(place, x, y, random)
    getattr(scene, place.scenery)()
    return np.clip(scene.colour, 0, 1).astype(np.float32)


class _Scene:
    """A picture in the making; places are shares of its side, x right and y down."""

    def __init__(self, place: Place, x: Grid, y: Grid, random: np.random.Generator) -> None:
        self.place, self.x, self.y, self.random = place, x, y, random
        self.colour = place.top + y[..., None] * (place.bottom - place.top)
        middle = random.uniform(-0.2, 1.2, 2)
        self.colour *= 1.06 - 0.22 * np.clip(np.hypot(x - middle[0], y - middle[1]), 0, 1.2)[..., None]

    def box(self, left: Share, top: Share, right: Share, bottom: Share, colour: Colour, soft: float = 0.01) -> None:
        """Paint a rectangle."""
        aside = np.maximum(left - self.x, self.x - right)
        self._mix(np.clip(0.5 - np.maximum(aside, np.maximum(top - self.y, self.y - bottom)) / soft, 0, 1), colour)

    def blob(self, x: float, y: float, wide: float, high: float, colour: Colour, soft: float = 0.25) -> None:
        """Paint an ellipse whose edge fades over a share of its size."""
        distance = np.hypot((self.x - x) / wide, (self.y - y) / high)
        self._mix(np.clip((1 - distance) / soft + 0.5, 0, 1), colour)

    def _mix(self, share: Grid, colour: Colour) -> None:
        self.colour += share[..., None] * (colour - self.colour)

    def near(self, colour: Colour, spread: float) -> Colour:
        """Return a colour like another one."""
        return np.clip(colour * self.random.uniform(1 - spread, 1 + spread) + self.random.normal(0, 0.02, 3), 0, 1)

    def wall(self) -> None:
        """Leave the wall bare."""

    def panels(self) -> None:
        """Divide the wall into upright panels."""
        wide = self.random.uniform(0.1, 0.3)
        edge = np.abs((self.x / wide + self.random.uniform()) % 1 - 0.5) * wide
        self.colour *= 1 - 0.16 * np.exp(-((edge / 0.012) ** 2))[..., None]
        if self.random.uniform() < 0.5:
            rail = self.random.uniform(0.45, 0.8)
            self.box(-1, rail, 2, 2, self.near(self.place.accent, 0.2), 0.012)

    def window(self) -> None:
        """Put a bright window beside the person."""
        left = self.random.choice([-0.15, 0.58]) + self.random.uniform(-0.08, 0.08)
        right, top, bottom = left + self.random.uniform(0.42, 0.6), self.random.uniform(-0.2, 0.1), 0.72
        light = np.array([0.93, 0.96, 1.0]) * self.random.uniform(0.85, 1.0)
        self.box(left - 0.025, top - 0.025, right + 0.025, bottom + 0.025, self.near(np.full(3, 0.75), 0.25), 0.015)
        self.box(left, top, right, bottom, light, 0.015)
        for _ in range(4):
            green = self.near(np.array([0.55, 0.68, 0.5]), 0.2)
            x, wide = self.random.uniform(left + 0.08, right - 0.08), self.random.uniform(0.06, 0.08)
            self.blob(x, self.random.uniform(0.5, 0.64), wide, 0.07, green, 0.9)
        bar = (left + right) / 2
        self.box(bar - 0.01, top, bar + 0.01, bottom, self.near(np.full(3, 0.75), 0.2), 0.012)

    def shelves(self) -> None:
        """Put up shelves of books."""
        board = self.near(np.array([0.42, 0.30, 0.20]), 0.4)
        step = self.random.uniform(0.2, 0.27)
        for top in np.arange(self.random.uniform(-step, 0), 1, step):
            self.box(-1, top, 2, top + step, board * 0.45, 0.012)
            x = -self.random.uniform(0, 0.05)
            while x < 1:
                wide, high = self.random.uniform(0.025, 0.055), step * self.random.uniform(0.6, 0.85)
                if self.random.uniform() < 0.88:
                    colour = self.random.uniform(0.2, 0.6) * self.random.uniform(0.6, 1.0, 3)
                    self.box(x, top + step - high, x + wide, top + step, colour, 0.03)
                x += wide
            self.box(-1, top + step - 0.022, 2, top + step, board, 0.012)

    def room(self) -> None:
        """Show a room: a floor line, a picture on the wall, furniture and a lamp, far out of focus."""
        self.box(-1, self.random.uniform(0.72, 0.85), 2, 2, self.near(self.place.accent * 0.7, 0.2), 0.06)
        for _ in range(self.random.integers(1, 3)):
            x, y, wide, high = self.random.uniform((0, 0.05, 0.1, 0.1), (0.9, 0.3, 0.3, 0.3))
            self.box(x, y, x + wide, y + high, self.near(self.place.top * 0.6, 0.3), 0.035)
            self.box(x + 0.02, y + 0.02, x + wide - 0.02, y + high - 0.02, self.near(self.place.accent, 0.4), 0.035)
        side = self.random.choice([0.0, 1.0])
        wide = self.random.uniform(0.25, 0.45)
        self.box(side - wide, self.random.uniform(0.5, 0.65), side + wide, 1.2, self.near(self.place.accent, 0.3), 0.05)
        if self.random.uniform() < 0.6:
            x = abs(side - self.random.uniform(0.05, 0.2))
            self.blob(x, 0.3, 0.28, 0.3, np.clip(self.place.top * 1.15 + (0.10, 0.08, 0.03), 0, 1), 1.0)
            self.blob(x, 0.3, 0.07, 0.06, np.array([1.0, 0.93, 0.78]), 0.5)

    def bokeh(self) -> None:
        """Hang discs of light before a dark place."""
        self.colour *= 0.45
        for _ in range(self.random.integers(14, 30)):
            x, y = self.random.uniform(-0.05, 1.05, 2)
            radius = self.random.uniform(0.02, 0.07)
            warm = self.random.uniform((0.55, 0.4, 0.25), (1.0, 0.9, 0.85))
            before = self.colour.copy()
            self.blob(x, y * 0.8, radius, radius, warm, 0.2)
            self.colour += (1 - self.random.uniform(0.25, 0.7)) * (before - self.colour)

    def plants(self) -> None:
        """Let leaves grow in from the sides."""
        for side in self.random.permutation([0.0, 1.0])[: self.random.integers(1, 3)]:
            for _ in range(self.random.integers(14, 26)):
                x = abs(side - self.random.uniform(-0.05, 0.26))
                y = self.random.uniform(0.1, 1.0)
                green = self.near(np.array([0.22, 0.42, 0.20]), 0.5)
                long, wide = self.random.uniform(0.06, 0.13), self.random.uniform(0.015, 0.04)
                self._leaf(x, y, self.random.uniform(-1.2, 1.2), long, wide, green)

    def _leaf(self, x: float, y: float, lean: float, long: float, wide: float, colour: Colour) -> None:
        across = (self.x - x) * np.cos(lean) + (self.y - y) * np.sin(lean)
        along = (self.y - y) * np.cos(lean) - (self.x - x) * np.sin(lean)
        self._mix(np.clip((1 - np.hypot(across / wide, along / long)) / 0.5 + 0.3, 0, 1), colour)
