"""The training's diary: one JSON line every few steps, and the same for TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from cyberhost_cli.training.clock import Clock
from cyberhost_cli.types import Pixels

EVERY = 10
"""Steps per line; a line holds their means."""

SMOOTHING = 0.9
"""Share that the smoothed values keep of the line before."""


class Metrics:
    """Means of the losses, in `metrics.jsonl` and `tensorboard` of the run's folder.

    Lines after `step`, of a run that was cut off, are dropped. Of several processes only the first has a folder.
    """

    def __init__(self, folder: Path | None, step: int, memory: Mapping[str, Any], clock: Clock) -> None:
        self.smooth: dict[str, float] = dict(memory.get("smooth", {}))
        self._sums: dict[str, float] = dict(memory.get("sums", {}))
        self._counts: dict[str, int] = dict(memory.get("counts", {}))
        self._clock = clock
        self._since = (step, clock.seconds)
        self._path, self._board = None, None
        if folder is not None:
            self._path = folder / "metrics.jsonl"
            kept = [line for line in _lines(self._path) if json.loads(line)["step"] <= step]
            self._path.write_text("".join(line + "\n" for line in kept))
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    @property
    def memory(self) -> dict[str, Any]:
        """All that a run needs to go on with its diary."""
        return {"smooth": self.smooth, "sums": self._sums, "counts": self._counts}

    def add(self, step: int, losses: Mapping[str, float], rate: float) -> None:
        """Take in the losses of one step and its learning rate."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        if step % EVERY == 0:
            self._write(step, rate)

    def tell(self, step: int, figures: Mapping[str, float], strip: Pixels) -> None:
        """Write the figures of validation clips, and show a strip of their frames."""
        self._line({"step": step, "validation": dict(figures)})
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"validation/{name}", value, step)
            self._board.add_image("validation", strip, step, dataformats="HWC")
            self._board.flush()

    def close(self) -> None:
        """Write what is not yet written."""
        if self._board is not None:
            self._board.close()

    def _write(self, step: int, rate: float) -> None:
        now = self._clock.seconds
        means = {name: value / self._counts[name] for name, value in self._sums.items()}
        for name, value in means.items():
            self.smooth[name] = SMOOTHING * self.smooth.get(name, value) + (1 - SMOOTHING) * value
        speed = (step - self._since[0]) / max(now - self._since[1], 1e-9)
        self._line(
            {
                "step": step,
                "losses": {name: round(value, 6) for name, value in means.items()},
                "smooth": {name: round(value, 6) for name, value in self.smooth.items()},
                "learning_rate": rate,
                "steps_per_second": round(speed, 3),
            }
        )
        if self._board is not None:
            scalars = {f"losses/{name}": value for name, value in means.items()}
            for name, value in (scalars | {"learning_rate": rate, "steps_per_second": speed}).items():
                self._board.add_scalar(name, value, step)
        self._sums, self._counts, self._since = {}, {}, (step, now)

    def _line(self, told: dict[str, Any]) -> None:
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(told) + "\n")


def _lines(path: Path) -> list[str]:
    """Return the whole lines of `path`; a process that was killed may have left half a line."""
    if not path.exists():
        return []
    return [line.removesuffix("\n") for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
