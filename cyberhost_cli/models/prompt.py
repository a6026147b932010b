"""Identity as tokens, where Stable Diffusion has text."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cyberhost_cli.models.attention import turns


class IdentityProjector(nn.Module):
    """One linear layer and a norm, as Hallo's `ImageProjModel`, with its names."""

    def __init__(self, features: int, tokens: int, width: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.proj = nn.Linear(features, tokens * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, identity: Float[Tensor, "b d"]) -> Float[Tensor, "b t e"]:
        """Return the tokens of each identity."""
        tokens: Tensor = self.norm(self.proj(identity).unflatten(-1, (self.tokens, -1)))
        return tokens


def take_turns(
    person: Float[Tensor, "b t e"], nobody: Float[Tensor, "b t e"], pictures: int, row: int
) -> Float[Tensor, "b p t e"]:
    """Return the tokens that each picture of the Reference Net gets in Hallo: the reference and the motion frames.

    `row` is 0 without and 1 with a reference.
    """
    both = (nobody, person)
    return torch.stack([both[turn] for turn in turns(row, pictures, len(both))], 1)
