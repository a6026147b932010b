"""Attention over given keys and values, and the transformer block of Stable Diffusion around it."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


def turns(row: int, count: int, of: int) -> list[int]:
    """Return which of the rows of guidance each of `count` pictures in a row reads from in Hallo.

    Its code lays what is meant for each row over all pictures of all rows in turns, where it should repeat it
    (hallo/models/mutual_self_attention.py, `bank_fea` and `encoder_hidden_states.repeat`).
    """
    return [(row * count + picture) % of for picture in range(count)]


@dataclass(frozen=True)
class KeyValue:
    """Projected keys and values, heads not yet split; they can be kept and attended to many times."""

    keys: Float[Tensor, "b t d"]
    values: Float[Tensor, "b t d"]

    def repeat(self, times: int) -> "KeyValue":
        """Give every row of the batch `times` rows in a run: one clip's keys for each of its frames."""
        return KeyValue(self.keys.repeat_interleave(times, 0), self.values.repeat_interleave(times, 0))

    @staticmethod
    def take_turns(several: "tuple[KeyValue, ...]", frames: int) -> "KeyValue":
        """Give each frame of each clip one of several, as `turns` says; one alone goes to all frames."""
        taken = [several[turn] for turn in turns(len(several) - 1, frames, len(several))]
        keys, values = [each.keys for each in taken], [each.values for each in taken]
        return KeyValue(torch.stack(keys, 1).flatten(0, 1), torch.stack(values, 1).flatten(0, 1))

    def expand(self, batch: int) -> "KeyValue":
        """Share one row among `batch` rows, without a copy."""
        return KeyValue(self.keys.expand(batch, -1, -1), self.values.expand(batch, -1, -1))

    def join(self, other: "KeyValue") -> "KeyValue":
        """Append the other's tokens."""
        return KeyValue(torch.cat((self.keys, other.keys), 1), torch.cat((self.values, other.values), 1))


class Attention(nn.Module):
    """Multi-head attention; names as in diffusers."""

    def __init__(self, width: int, heads: int, source_width: int | None = None) -> None:
        super().__init__()
        source_width = width if source_width is None else source_width
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(source_width, width, bias=False)
        self.to_v = nn.Linear(source_width, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def project(self, source: Float[Tensor, "b t e"]) -> KeyValue:
        """Project what is attended to."""
        return KeyValue(self.to_k(source), self.to_v(source))

    def forward(self, x: Float[Tensor, "b q d"], source: KeyValue) -> Float[Tensor, "b q d"]:
        """Attend from `x` to the projected source."""
        queries, keys, values = (
            rearrange(y, "b t (heads d) -> b heads t d", heads=self.heads)
            for y in (self.to_q(x), source.keys, source.values)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        return self.out_projection(rearrange(attended, "b heads q d -> b q (heads d)"))

    @property
    def silence(self) -> Float[Tensor, "d"]:
        """What attention over zero tokens gives, exactly: keys and values have no bias."""
        return self.out_projection.bias

    @property
    def out_projection(self) -> nn.Linear:
        """The last layer."""
        layer = self.to_out[0]
        assert isinstance(layer, nn.Linear)
        return layer


class GEGLU(nn.Module):
    """Gated linear unit with GELU (Shazeer, 2020)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner)

    def forward(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b e"]:
        """Return values times gate."""
        values, gate = self.proj(x).chunk(2, -1)
        gated: Tensor = values * functional.gelu(gate)
        return gated


class FeedForward(nn.Module):
    """Feed-forward layer of Stable Diffusion; names as in diffusers, whose `net.1` is a dropout of nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(GEGLU(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        """Return the layer's output, without the residual."""
        out: Tensor = self.net(x)
        return out


@dataclass(frozen=True)
class CrossSource:
    """What a transformer block attends to beside the picture itself: sound, or tokens of the reference."""

    width: int
    scale: float
    """Of what is heard."""


class TransformerBlock(nn.Module):
    """Self-attention joined with reference keys, cross-attention, feed-forward."""

    def __init__(self, width: int, heads: int, cross: CrossSource | None) -> None:
        super().__init__()
        self.cross_scale = 1.0 if cross is None else cross.scale
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, heads)
        self.norm2 = None if cross is None else nn.LayerNorm(width)
        self.attn2 = None if cross is None else Attention(width, heads, cross.width)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(
        self, x: Float[Tensor, "b t d"], reference: KeyValue | None, cross: KeyValue | None
    ) -> tuple[Float[Tensor, "b t d"], Float[Tensor, "b t d"]]:
        """Return the block's output and the normed input of its self-attention, which a Reference Net hands on."""
        normed = self.norm1(x)
        source = self.attn1.project(normed)
        x = x + self.attn1(normed, source if reference is None else source.join(reference))
        if self.norm2 is not None and self.attn2 is not None:
            heard = self.attn2.silence if cross is None else self.attn2(self.norm2(x), cross)
            x = x + self.cross_scale * heard
        return x + self.ff(self.norm3(x)), normed


class SpatialTransformer(nn.Module):
    """Stable Diffusion's `Transformer2DModel` with one block and 1x1 convolutions."""

    def __init__(self, width: int, heads: int, norm_groups: int, cross: CrossSource | None) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(norm_groups, width, eps=1e-6)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, heads, cross)])
        self.proj_out = nn.Conv2d(width, width, 1)

    @property
    def block(self) -> TransformerBlock:
        """The only transformer block."""
        block = self.transformer_blocks[0]
        assert isinstance(block, TransformerBlock)
        return block

    def forward(
        self, x: Float[Tensor, "b c h w"], reference: KeyValue | None, cross: KeyValue | None
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b t c"]]:
        """Return the output and the normed input of the self-attention; without `cross` it attends to zero tokens."""
        tokens = rearrange(self.proj_in(self.norm(x)), "b c h w -> b (h w) c")
        tokens, normed = self.block(tokens, reference, cross)
        return x + self.proj_out(rearrange(tokens, "b (h w) c -> b c h w", h=x.shape[2])), normed
