"""A small real stage: a network learns a line from noisy points; run as a program it trains until it is stopped."""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.errors import InputError
from cyberhost_cli.training.distributed import Processes, whole
from cyberhost_cli.training.run import Look, Outlets, Progress, Run
from cyberhost_cli.training.stage import Stage

STEPS = 8


@dataclass(frozen=True)
class Points:
    x: Tensor
    y: Tensor
    bent: bool
    """Whether a second network has a say, for the whole batch."""


@dataclass(frozen=True)
class Draw:
    """Points of a line; from step `lost` on they lie nowhere, at step `missing` there are none."""

    lost: int | None = None
    missing: int | None = None

    def __call__(self, step: int, rows: range) -> Points:
        if step == self.missing:
            raise InputError("no more points", "draw some")
        drawn = [torch.rand(2, generator=torch.Generator().manual_seed(1000 * step + row)) for row in rows]
        x, noise = torch.stack(drawn).split(1, dim=1)
        y = 3 * x - 1 + 0.01 * noise
        if self.lost is not None and step >= self.lost and 0 in rows:
            y[0] = torch.nan
        return Points(x, y, step % 3 == 0)


class Line(nn.Module):
    """The loss of a network, with a second one for bends."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.straight = nn.Sequential(nn.Linear(1, 4), nn.Dropout(dropout), nn.Linear(4, 1))
        self.bend = nn.Linear(1, 1)
        self.frozen = nn.Linear(1, 1)

    def forward(self, batch: Points) -> dict[str, Tensor]:
        line = self.straight(batch.x) + 0 * self.frozen(batch.x)
        if batch.bent:
            line = line + self.bend(batch.x.square())
        loss = (line - batch.y).square().mean()
        return {"loss": loss, "mean": line.mean()}


def stage(draw: Draw | None = None, dropout: float = 0.2) -> Stage[Points]:
    # Dropout draws from the global generator, so that what is drawn there must not depend on what was before.
    line = Line(dropout)
    trained = {name: each for name, each in line.named_parameters() if "frozen" not in name}
    return Stage(trained, draw or Draw(), line, lambda: None)


def config(steps: int, *settings: str) -> TrainingConfig:
    told = [f"training.steps={steps}", "training.save_every=2", "training.warmup=2", "training.batch=8"]
    told += ["training.learning_rate=0.05", "training.workers=0"]
    return load_preset("base", [*told, *settings]).preset.training


def quiet(*_: object) -> None:
    pass


def train(
    out: Path,
    training: TrainingConfig,
    learned: Stage[Points],
    progress: Progress = quiet,
    look: Look | None = None,
    preset: str = "line",
) -> None:
    out.mkdir(exist_ok=True)
    processes = Processes(torch.device("cpu"))

    def write(_step: int, _hours: float, _losses: dict[str, float]) -> None:
        state = dict(whole(learned.module.state_dict()))
        if processes.first:
            save_file(state, out / "model.safetensors")

    Run(learned, learned.module, training, processes, out, preset).go(Outlets(write, look, progress))
    processes.leave()


def main() -> None:
    """Train in a folder; from step `stop` on wait for a line before each next step."""
    out, stop, dropout, *settings = sys.argv[1:]

    def tell(step: int, _steps: int, _losses: dict[str, float]) -> None:
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        if step >= int(stop):
            sys.stdin.readline()

    train(Path(out), config(STEPS, *settings), stage(dropout=float(dropout)), tell)


if __name__ == "__main__":
    main()
