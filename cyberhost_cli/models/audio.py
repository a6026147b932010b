"""Audio projector: speech features of a frame's window to tokens."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.config.model import AudioConfig


class AudioProjector(nn.Module):
    """Three linear layers, as Hallo's `AudioProjModel`, with its names."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.tokens = config.tokens
        self.proj1 = nn.Linear(config.vectors * config.features, config.hidden)
        self.proj2 = nn.Linear(config.hidden, config.hidden)
        self.proj3 = nn.Linear(config.hidden, config.tokens * config.width)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, features: Float[Tensor, "b f t d"]) -> Float[Tensor, "b f u e"]:
        """Return `u` tokens per frame."""
        hidden = functional.relu(self.proj2(functional.relu(self.proj1(features.flatten(2)))))
        tokens: Tensor = self.norm(self.proj3(hidden).unflatten(-1, (self.tokens, -1)))
        return tokens
