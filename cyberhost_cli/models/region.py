"""Region Attention Module: shared priors and identity for the face or the hands, within a predicted mask.

Paper: Region Attention Module; `F_out = (F_motion + F_id) * M_r + F_in`.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from cyberhost_cli.config.model import RegionConfig
from cyberhost_cli.models.attention import Attention, Folded
from cyberhost_cli.models.branches import Fork
from cyberhost_cli.models.embedding import interleaved_sinusoid
from cyberhost_cli.models.zero import zero


@dataclass(frozen=True)
class BankKeys:
    """Both latents banks, folded with all that lies around and between their attentions."""

    spatial: Folded
    temporal: Folded
    between: Float[Tensor, "1 hn hm"]
    """From shares of the spatial latents to scores of the temporal ones."""
    places: Float[Tensor, "1 f hm"]
    """What each frame's place adds to the latter."""

    def attend(self, queries: Float[Tensor, "b q c"], frames: int) -> Float[Tensor, "b q c"]:
        """Attend from clips of so many frames to the spatial bank, then to the temporal one, each knowing its frame."""
        shares = self.spatial.weigh(queries @ self.spatial.scores)
        places = self.places[:, :frames].repeat_interleave(queries.shape[1] // frames, 1)
        moved = self.temporal.weigh(shares @ self.between + places)
        return moved @ self.temporal.values + self.temporal.bias


@dataclass(frozen=True)
class RegionKeys:
    """What one module attends to; a part that is switched off or not known is None."""

    banks: BankKeys | None
    identity: Folded | None


@dataclass(frozen=True)
class RegionOutput:
    """What one module says of its region, for the training losses."""

    mask_logits: Float[Tensor, "bf 1 h w"]
    features: Float[Tensor, "bf c h w"]


class LatentsBank(nn.Module):
    """Learned latents, identity-agnostic and mutually orthogonal."""

    kept: Tensor | None

    def __init__(self, latents: int, width: int) -> None:
        super().__init__()
        if latents > width:
            raise ValueError(f"{latents} latents of width {width} cannot be orthogonal")
        self.latents = nn.Parameter(torch.randn(latents, width))
        self.register_buffer("kept", None, persistent=False)

    @torch.no_grad()
    def keep(self) -> None:
        """Keep the orthonormal latents for inference, once the weights are loaded; `train` forgets them."""
        self.kept = self()

    def train(self, mode: bool = True) -> "LatentsBank":
        """Set the mode; in training the latents move, so nothing is kept."""
        if mode:
            self.kept = None
        return super().train(mode)

    def forward(self) -> Float[Tensor, "1 t d"]:
        """Return the orthonormal latents: Gram-Schmidt as a QR decomposition, in float32."""
        if self.kept is not None:
            return self.kept
        basis, triangle = torch.linalg.qr(self.latents.float().T)
        # QR leaves the signs free; Gram-Schmidt keeps each latent on its own side.
        signs = torch.where(triangle.diagonal() < 0, -1.0, 1.0)
        return (basis * signs).T[None].to(self.latents.dtype)


class MaskPredictor(nn.Sequential):
    """A few convolutions from features to the logits of the region's soft mask."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__(nn.Conv2d(width, hidden, 3, padding=1), nn.SiLU(), nn.Conv2d(hidden, 1, 3, padding=1))


class HeatmapHead(nn.Sequential):
    """Convolutions from features to one heatmap per hand keypoint; used in training only."""

    def __init__(self, width: int, keypoints: int) -> None:
        super().__init__(nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, keypoints, 1))


class RegionAttention(nn.Module):
    """One Region Attention Module; freshly made, it changes nothing."""

    positions: Tensor

    def __init__(
        self,
        width: int,
        heads: int,
        max_frames: int,
        config: RegionConfig,
        *,
        latents_bank: bool,
        identity_descriptor: bool,
        heatmaps: int,
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.spatial_bank = LatentsBank(config.spatial_latents, width) if latents_bank else None
        self.temporal_bank = LatentsBank(config.temporal_latents, width) if latents_bank else None
        self.spatial_attention = Attention(width, heads) if latents_bank else None
        self.temporal_attention = Attention(width, heads) if latents_bank else None
        self.identity_attention = Attention(width, heads, config.identity_width) if identity_descriptor else None
        self.mask_predictor = MaskPredictor(width, config.mask_channels)
        self.heatmap_head = HeatmapHead(width, heatmaps) if heatmaps else None
        self.register_buffer("positions", interleaved_sinusoid(max_frames, width), persistent=False)
        for attention in (self.temporal_attention, self.identity_attention):
            if attention is not None:
                zero(attention.out_projection)

    def keys(self, identity: Float[Tensor, "b t e"] | None) -> RegionKeys:
        """Fold the latents banks and the identity tokens, once per clip."""
        attention = self.identity_attention
        seen = None if attention is None or identity is None else attention.fold(identity)
        return RegionKeys(self._bank_keys(), seen)

    def _bank_keys(self) -> BankKeys | None:
        if self.spatial_attention is None or self.temporal_attention is None:
            return None
        assert self.spatial_bank is not None
        assert self.temporal_bank is not None
        spatial = self.spatial_attention.fold(self.spatial_bank())
        temporal = self.temporal_attention.fold(self.temporal_bank())
        # The paper does not say how the temporal attention tells frames apart; sinusoidal positions do it here.
        places = (self.positions + spatial.bias) @ temporal.scores
        return BankKeys(spatial, temporal, spatial.values @ temporal.scores, places)

    def forward(
        self, x: Float[Tensor, "n c h w"], keys: RegionKeys, identity: Fork[Folded | None], frames: int
    ) -> tuple[Float[Tensor, "m c h w"], RegionOutput]:
        """Return `F_out` and what the losses need; `frames` is the length of each clip in the batch."""

        def identify(queries: Tensor, moved: Tensor, told: Folded | None) -> Tensor:
            """`F_id`: against the tokens of the crop."""
            return moved if told is None else moved + told.spread(len(queries), identity.size // frames).attend(queries)

        # Every query attends by itself to keys of its clip, so all frames of a clip can share one row.
        queries = rearrange(self.norm(rearrange(x, "(b f) c h w -> b f (h w) c", f=frames)), "b f p c -> b (f p) c")
        mask_logits = self.mask_predictor(x)
        motion = torch.zeros_like(queries) if keys.banks is None else keys.banks.attend(queries, frames)
        added = identity.apply(identify, queries, motion)
        added = rearrange(added, "b (f h w) c -> (b f) c h w", f=frames, h=x.shape[2])
        mask_logits = identity.take(mask_logits)
        out = identity.take(x) + added * mask_logits.sigmoid()
        return out, RegionOutput(mask_logits, out)
