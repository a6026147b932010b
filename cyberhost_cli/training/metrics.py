"""The training's diary: one JSON line every few steps."""

import json
import time
from pathlib import Path

EVERY = 10
"""Steps per line; a line holds their means."""

SMOOTHING = 0.9
"""Share that the smoothed values keep of the line before."""


class Metrics:
    """Means of the losses, written to `path`; lines after `step`, of a run that was cut off, are dropped."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept = [line for line in _lines(path) if json.loads(line)["step"] <= step]
        path.write_text("".join(line + "\n" for line in kept))
        self.smooth: dict[str, float] = json.loads(kept[-1])["smooth"] if kept else {}
        self._sums: dict[str, float] = {}
        self._count = 0
        self._since = time.perf_counter()

    def add(self, step: int, losses: dict[str, float], rate: float) -> None:
        """Take in the losses of one step and its learning rate."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if step % EVERY == 0:
            self._write(step, rate)

    def _write(self, step: int, rate: float) -> None:
        now = time.perf_counter()
        means = {name: value / self._count for name, value in self._sums.items()}
        for name, value in means.items():
            self.smooth[name] = SMOOTHING * self.smooth.get(name, value) + (1 - SMOOTHING) * value
        line = {
            "step": step,
            "losses": {name: round(value, 6) for name, value in means.items()},
            "smooth": {name: round(value, 6) for name, value in self.smooth.items()},
            "learning_rate": rate,
            "steps_per_second": round(self._count / (now - self._since), 3),
        }
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._sums, self._count, self._since = {}, 0, now


def _lines(path: Path) -> list[str]:
    """Return the whole lines of `path`; a process that was killed may have left half a line."""
    if not path.exists():
        return []
    return [line.removesuffix("\n") for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
