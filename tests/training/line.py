"""A small real stage: a network learns a line from noisy points; run as a program it trains until it is stopped."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.training import TrainingConfig
from cyberhost_cli.training import loop


@dataclass(frozen=True)
class Points:
    x: Tensor
    y: Tensor


class LineStage:
    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def parameters(self) -> Mapping[str, nn.Parameter]:
        return dict(self.model.named_parameters())

    def batch(self, generator: torch.Generator) -> Points:
        x = torch.rand(8, 1, generator=generator)
        return Points(x, 3 * x - 1)

    def loss(self, batch: Points, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        noise = 0.01 * torch.randn(batch.y.shape, generator=generator)
        loss = (self.model(batch.x) - batch.y + noise).square().mean()
        return loss, {"loss": loss.item()}

    def settle(self) -> None:
        pass


def config(steps: int, save_every: int = 2) -> TrainingConfig:
    settings = [f"training.steps={steps}", f"training.save_every={save_every}", "training.warmup=2"]
    return load_preset("base", [*settings, "training.learning_rate=0.05"]).preset.training


def network() -> nn.Sequential:
    torch.manual_seed(0)
    # Dropout draws from the global generator, which must be put back too.
    return nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.2), nn.Linear(4, 1))


def train(out: Path, training: TrainingConfig, stage: LineStage, progress: loop.Progress) -> None:
    out.mkdir(exist_ok=True)

    def write(_step: int) -> None:
        save_file(stage.model.state_dict(), out / "model.safetensors")

    loop.run(stage, stage.model, training, out, "line", write, progress)


if __name__ == "__main__":

    def tell(step: int, _steps: int, _losses: dict[str, float]) -> None:
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        if step >= int(sys.argv[2]):
            sys.stdin.readline()

    train(Path(sys.argv[1]), config(8), LineStage(network()), tell)
