"""Attention over given keys and values, and the transformer block of Stable Diffusion around it."""

from dataclasses import dataclass, replace
from functools import partial

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.models.branches import Fork, spread


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

    def spread(self, rows: int, size: int) -> "KeyValue":
        """Let the keys of one branch of `size` rows serve `rows`."""
        return KeyValue(spread(self.keys, rows, size), spread(self.values, rows, size))

    def join(self, others: "tuple[KeyValue, ...]", size: int, frames: int) -> "KeyValue":
        """Append the tokens of others that serve clips of `frames`, in branches of `size` rows.

        Each frame gets those of one of several, as `turns` says; one alone serves all frames.
        """
        if not others:
            return self
        keys, values = [each.keys for each in others], [each.values for each in others]
        return KeyValue(_append(self.keys, keys, size, frames), _append(self.values, values, size, frames))


def _append(
    own: Float[Tensor, "n t d"], others: list[Float[Tensor, "b u d"]], size: int, frames: int
) -> Float[Tensor, "n v d"]:
    taken = others[0][:, None]
    if len(others) > 1:
        taken = torch.stack([others[turn] for turn in turns(len(others) - 1, frames, len(others))], 1)
    rows = own.view(len(own) // size, len(taken), size // len(taken) // frames, frames, *own.shape[1:])
    # A view: what serves many frames is copied once, behind their own.
    beside = taken[None, :, None].expand(*rows.shape[:4], -1, -1)
    return torch.cat((rows, beside), -2).flatten(0, 3)


@dataclass(frozen=True)
class Folded:
    """Attention to few tokens that stay the same, its projections and theirs made one: two small matrices.

    The same as `Attention` over the tokens, up to rounding. It takes `2 q d h t` multiplications for `h` heads and `t`
    tokens instead of `2 q d (d + t)`.
    """

    scores: Float[Tensor, "b d ht"]
    values: Float[Tensor, "b ht d"]
    bias: Float[Tensor, "d"]
    heads: int

    def spread(self, rows: int, size: int) -> "Folded":
        """Let the matrices of one branch of `size` rows serve `rows`."""
        return replace(self, scores=spread(self.scores, rows, size), values=spread(self.values, rows, size))

    def weigh(self, logits: Float[Tensor, "*q ht"]) -> Float[Tensor, "*q ht"]:
        """Return which share of each token a query takes, head by head."""
        return rearrange(logits, "... (heads t) -> ... heads t", heads=self.heads).softmax(-1).flatten(-2)

    def attend(self, x: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]:
        """Attend from `x`."""
        return self.weigh(x @ self.scores) @ self.values + self.bias


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

    def fold(self, source: Float[Tensor, "b t e"]) -> Folded:
        """Fold what is attended to with the projections around it."""
        keys, values = (
            rearrange(layer(source), "b t (heads e) -> b heads t e", heads=self.heads)
            for layer in (self.to_k, self.to_v)
        )
        queries = rearrange(self.to_q.weight, "(heads e) d -> heads e d", heads=self.heads) / keys.shape[-1] ** 0.5
        outwards = rearrange(self.out_projection.weight, "d (heads e) -> heads e d", heads=self.heads)
        return Folded(
            rearrange(keys @ queries, "b heads t d -> b d (heads t)"),
            rearrange(values @ outwards, "b heads t d -> b (heads t) d"),
            self.out_projection.bias,
            self.heads,
        )

    def forward(self, x: Float[Tensor, "b q d"], source: KeyValue) -> Float[Tensor, "b q d"]:
        """Attend from `x` to the projected source."""
        attended: Tensor = self.out_projection(self.attend(self.to_q(x), source))
        return attended

    def attend(self, queries: Float[Tensor, "b q d"], source: KeyValue) -> Float[Tensor, "b q d"]:
        """Attend between both projections."""
        queries, keys, values = (
            rearrange(y, "b t (heads d) -> b heads t d", heads=self.heads)
            for y in (queries, source.keys, source.values)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        return rearrange(attended, "b heads q d -> b q (heads d)")

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
        self,
        x: Float[Tensor, "n t d"],
        reference: Fork[tuple[KeyValue, ...]],
        cross: Fork[KeyValue | None],
        frames: int,
    ) -> tuple[Float[Tensor, "m t d"], Float[Tensor, "n t d"]]:
        """Return the block's output and the normed input of its self-attention, which a Reference Net hands on."""

        def look(queries: Tensor, keys: Tensor, values: Tensor, told: tuple[KeyValue, ...]) -> Tensor:
            return self.attn1.attend(queries, KeyValue(keys, values).join(told, reference.size, frames))

        normed = self.norm1(x)
        own = self.attn1.project(normed)
        looked = reference.apply(look, self.attn1.to_q(normed), own.keys, own.values)
        x = reference.take(x) + self.attn1.out_projection(looked)
        # As large as the picture each; the feed-forward layer needs the room.
        del own, looked
        x = cross.apply(partial(self._hear, cross.size), x)
        return x + self.ff(self.norm3(x)), normed

    def _hear(self, size: int, x: Float[Tensor, "n t d"], told: KeyValue | None) -> Float[Tensor, "n t d"]:
        if self.norm2 is None or self.attn2 is None:
            return x
        if told is None:
            return x + self.cross_scale * self.attn2.silence
        heard: Tensor = self.attn2(self.norm2(x), told.spread(len(x), size))
        return x + self.cross_scale * heard


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
        self,
        x: Float[Tensor, "n c h w"],
        reference: Fork[tuple[KeyValue, ...]],
        cross: Fork[KeyValue | None],
        frames: int,
    ) -> tuple[Float[Tensor, "m c h w"], Float[Tensor, "n t c"]]:
        """Return the output and the normed input of the self-attention; without `cross` it attends to zero tokens."""
        tokens = rearrange(self.proj_in(self.norm(x)), "b c h w -> b (h w) c")
        tokens, normed = self.block(tokens, reference, cross, frames)
        looked = self.proj_out(rearrange(tokens, "b (h w) c -> b c h w", h=x.shape[2]))
        return cross.take(reference.take(x)) + looked, normed
