"""Denoising U-Net: predicts a window of frames under all conditions."""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.models import site
from cyberhost_cli.models.attention import CrossSource, KeyValue
from cyberhost_cli.models.audio_module import AudioKeys
from cyberhost_cli.models.backbone import Backbone, Ran
from cyberhost_cli.models.blocks import Additions, Block, Flow
from cyberhost_cli.models.branches import Stack, fork
from cyberhost_cli.models.conditions import (
    ClipContext,
    ClipKeys,
    Conditions,
    Denoised,
    ReferenceFeatures,
    SiteInputs,
    WindowContext,
    WindowKeys,
)
from cyberhost_cli.models.embedding import ClarityEmbedding
from cyberhost_cli.models.pose import PoseEncoder
from cyberhost_cli.models.region import RegionAttention, RegionKeys
from cyberhost_cli.models.zero import zero

Deep = tuple[Stack, ...]
"""What the deep layers made, for each pass of a step."""


class DenoisingUNet(Backbone):
    """The backbone with audio, motion modules, Region Attention Modules and conditions."""

    def __init__(self, config: ModelConfig) -> None:
        backbone, width = config.backbone, config.backbone.widths[0]
        self.residual = config.reference_residual
        channels = backbone.latent_channels * (2 if self.residual else 1)
        additions = Additions(config.audio, config.motion, config.regions)
        super().__init__(backbone, channels, _cross(config), additions)
        self.conv_norm_out = nn.GroupNorm(backbone.norm_groups, width)
        self.conv_out = nn.Conv2d(width, backbone.latent_channels, 3, padding=1)
        priors = config.priors
        self.pose_encoder = PoseEncoder(priors.pose_channels, width) if priors.maps else None
        self.clarity_embedding = ClarityEmbedding(4 * width) if priors.hand_clarity_score else None
        if self.residual:
            # Freshly made, the denoiser predicts the reference itself.
            zero(self.conv_out)

    def clip_context(self, features: ReferenceFeatures) -> ClipContext:
        """Project what stays the same for a clip; that of nobody makes the branch that guidance departs from."""
        identity, masks = features.identity, features.masks
        prompts = self.prompt_keys(features.prompt)
        sites = []
        for number, (block, layer) in enumerate(self.sites_in_order()):
            regions, attention = block.regions(layer), block.attention(layer).block.attn1
            sites.append(
                ClipKeys(
                    tuple(attention.project(spatial[number]) for spatial in features.spatial),
                    prompts[number],
                    _region_keys(regions, "face", identity.face),
                    _region_keys(regions, "hands", identity.hands),
                    None if masks is None else masks[block.level],
                )
            )
        return ClipContext(tuple(sites), None if features.latents is None else features.latents[:, None])

    def window_context(self, conditions: Conditions, batch: int) -> WindowContext:
        """Project what stays the same for a window, or for several in a batch."""
        audio = None if conditions.audio is None else conditions.audio.flatten(0, 1)
        sites = []
        for number, (block, layer) in enumerate(self.sites_in_order()):
            seen = None if conditions.motion is None else conditions.motion[number]
            motion = None if seen is None else rearrange(seen, "(b m) t c -> b m t c", b=batch)
            sites.append(WindowKeys(None if audio is None else _heard(block, layer, audio), motion))
        pose = clarity = None
        if self.pose_encoder is not None and conditions.pose is not None:
            pose = self.pose_encoder(conditions.pose.flatten(0, 1)).unflatten(0, conditions.pose.shape[:2])
        if self.clarity_embedding is not None and conditions.clarity is not None:
            clarity = self.clarity_embedding(conditions.clarity.flatten(0, 1))
        return WindowContext(tuple(sites), pose, clarity, conditions.carried, conditions.held)

    def forward(
        self,
        latents: Float[Tensor, "b f c h w"],
        timesteps: Float[Tensor, "b"],
        clip: ClipContext,
        window: WindowContext,
    ) -> Denoised:
        """Predict by the model's parametrisation, from noisy latents at timesteps 0..1000."""
        ran, samples = self._pass(latents, self.time_embedding(timesteps), [(clip, window)], None, told=True)
        return Denoised(samples[0], ran.outputs)

    def predict(
        self,
        latents: Float[Tensor, "b f c h w"],
        time: Float[Tensor, "b d"],
        contexts: Sequence[tuple[ClipContext, WindowContext]],
        deep: Deep | None = None,
    ) -> tuple[tuple[Float[Tensor, "b f c h w"], ...], Deep]:
        """Predict several branches in lock-step, from the embedded timesteps.

        What is the same for branches is computed once, up to the first layer where they are told different objects. A
        clip's context of batch 1 serves any batch. Returned is also what the deep layers made; with that of a step
        before as `deep` only the first and the last block run (DeepCache, Ma et al., 2023).
        """
        ran, samples = self._pass(latents, time, contexts, None if deep is None else deep[0], told=False)
        return samples, (ran.deep,)

    def _pass(
        self,
        latents: Tensor,
        time: Tensor,
        contexts: Sequence[tuple[ClipContext, WindowContext]],
        deep: Stack | None,
        *,
        told: bool,
    ) -> tuple[Ran, tuple[Tensor, ...]]:
        batch, frames = latents.shape[:2]
        branches = [
            [SiteInputs(*pair) for pair in zip(clip.sites, window.sites, strict=True)] for clip, window in contexts
        ]
        hidden, times = self._enter(latents, time.repeat_interleave(frames, 0), contexts)
        sites = site.plan(hidden.of, batch * frames, branches)
        ran = self.run(hidden, Flow(times, frames, sites, told), deep)
        out = self.conv_out(functional.silu(self.conv_norm_out(ran.out.rows)))
        samples = [rearrange(rows, "(b f) c h w -> b f c h w", b=batch) for rows in Stack(out, ran.out.of).branches()]
        if self.residual:
            for branch, (clip, window) in enumerate(contexts):
                reference = clip.beside(window)
                if reference is not None:
                    free = 1.0 if window.held is None else 1 - window.held
                    samples[branch] = free * samples[branch] + reference
        return ran, tuple(samples)

    def _enter(
        self, latents: Tensor, time: Tensor, contexts: Sequence[tuple[ClipContext, WindowContext]]
    ) -> tuple[Stack, Stack]:
        """Return the output of the first convolution with the drawn maps, and the time embeddings."""

        def read(rows: Tensor, reference: Tensor | None) -> Tensor:
            if self.residual:
                clips = rows.view(-1, *latents.shape)
                beside = torch.zeros_like(clips) if reference is None else reference.expand_as(clips)
                rows = torch.cat((clips, beside), 3).flatten(0, 2)
            entered: Tensor = self.conv_in(rows)
            return entered

        def draw(rows: Tensor, pose: Tensor | None) -> Tensor:
            if pose is None:
                return rows
            clips = rearrange(rows, "(g b f) c h w -> g b f c h w", b=latents.shape[0], f=latents.shape[1])
            return (clips + pose).flatten(0, 2)

        def score(rows: Tensor, clarity: Tensor | None) -> Tensor:
            return rows if clarity is None else rows + clarity

        alone, size = (0,) * len(contexts), len(time)
        scored = fork(alone, size, [window.clarity for _, window in contexts])
        times = Stack(scored.apply(score, time), scored.of)
        beside = fork(scored.of, size, [clip.beside(window) if self.residual else None for clip, window in contexts])
        entered = beside.apply(read, scored.take(latents.flatten(0, 1)))
        drawn = fork(beside.of, size, [window.pose for _, window in contexts])
        return Stack(drawn.apply(draw, entered), drawn.of), times

    def heatmaps(self, denoised: Denoised) -> list[Float[Tensor, "bf k h w"]]:
        """Return the hand keypoint heatmaps after each hand module; for training only."""
        maps = []
        for (block, layer), output in zip(self.sites_in_order(), denoised.sites, strict=True):
            regions = block.regions(layer)
            if regions is not None and output.hands is not None:
                module = regions["hands"]
                assert isinstance(module, RegionAttention)
                assert module.heatmap_head is not None
                maps.append(module.heatmap_head(output.hands.features))
        return maps


def _cross(config: ModelConfig) -> CrossSource | None:
    """Return what the transformer blocks attend to beside the picture."""
    audio = config.audio
    if config.prompt.enabled:
        return CrossSource(config.prompt.width, 1.0)
    heard = audio.enabled and audio.place == "cross_attention"
    return CrossSource(audio.width, audio.scale) if heard else None


def _heard(block: Block, layer: int, audio: Float[Tensor, "bf t e"]) -> KeyValue | AudioKeys | None:
    """Project audio tokens for whatever hears them in a layer."""
    module = block.audio_module(layer)
    if module is not None:
        return module.project(audio)
    attention = block.attention(layer).block.attn2
    return None if attention is None else attention.project(audio)


def _region_keys(regions: nn.ModuleDict | None, name: str, identity: Tensor | None) -> RegionKeys | None:
    if regions is None or name not in regions:
        return None
    module = regions[name]
    assert isinstance(module, RegionAttention)
    return module.keys(identity)
