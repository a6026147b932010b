"""Levels of the U-Net: residual block, spatial attention, Region Attention Modules, motion module."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from cyberhost_cli.config.model import AudioConfig, BackboneConfig, MotionConfig, RegionConfig, RegionsConfig
from cyberhost_cli.models.attention import CrossSource, KeyValue, SpatialTransformer
from cyberhost_cli.models.audio_module import AudioModule
from cyberhost_cli.models.conditions import SiteInputs, SiteOutput
from cyberhost_cli.models.motion import MotionModule
from cyberhost_cli.models.region import RegionAttention, RegionKeys, RegionOutput
from cyberhost_cli.models.resnet import Downsample, ResnetBlock, Upsample

HAND_KEYPOINTS = 42
"""Heatmaps of the hands' Region Attention Modules: 21 points each."""


@dataclass(frozen=True)
class Additions:
    """What a denoiser has at every level and a Reference Net has not."""

    audio: AudioConfig
    motion: MotionConfig
    regions: RegionsConfig


@dataclass(frozen=True)
class BlockKind:
    """What stands at a level."""

    backbone: BackboneConfig
    level: int
    attention: bool
    cross: CrossSource | None
    regions: bool
    motion: bool
    additions: Additions | None


@dataclass(frozen=True)
class Flow:
    """What every block of one pass needs."""

    time: Float[Tensor, "bf d"]
    frames: int
    sites: tuple[SiteInputs, ...]


class Block(nn.Module):
    """What the three kinds of blocks share."""

    def __init__(self, widths: list[tuple[int, int]], audio_widths: list[int], site: int, kind: BlockKind) -> None:
        super().__init__()
        self.site = site
        self.level = kind.level
        backbone, additions = kind.backbone, kind.additions
        width, groups, layers = widths[-1][1], backbone.norm_groups, len(audio_widths)
        self.resnets = nn.ModuleList(ResnetBlock(a, b, 4 * backbone.widths[0], groups) for a, b in widths)
        self.attentions: nn.ModuleList | None = None
        self.audio_modules: nn.ModuleList | None = None
        self.region_modules: nn.ModuleList | None = None
        self.motion_modules: nn.ModuleList | None = None
        if kind.attention:
            self.attentions = nn.ModuleList(
                SpatialTransformer(width, backbone.heads, groups, kind.cross) for _ in range(layers)
            )
        if additions is not None and kind.attention and additions.audio.enabled and additions.audio.place == "modules":
            self.audio_modules = nn.ModuleList(
                AudioModule(width, inner, backbone.heads, groups, additions.audio.width) for inner in audio_widths
            )
        if additions is not None and kind.attention and kind.regions:
            self.region_modules = nn.ModuleList(
                _region_pair(width, backbone.heads, additions.motion.max_frames, additions.regions)
                for _ in range(layers)
            )
        if additions is not None and additions.motion.enabled and kind.motion:
            motion = additions.motion
            self.motion_modules = nn.ModuleList(
                MotionModule(width, motion.heads, motion.max_frames, groups) for _ in range(layers)
            )

    @property
    def sites(self) -> int:
        """Number of attention sites in this block."""
        return 0 if self.attentions is None else len(self.attentions)

    def attention(self, layer: int) -> SpatialTransformer:
        """Return the spatial attention of a layer."""
        assert self.attentions is not None
        attention = self.attentions[layer]
        assert isinstance(attention, SpatialTransformer)
        return attention

    def audio_module(self, layer: int) -> AudioModule | None:
        """Return the audio module of a layer."""
        if self.audio_modules is None:
            return None
        module = self.audio_modules[layer]
        assert isinstance(module, AudioModule)
        return module

    def regions(self, layer: int) -> nn.ModuleDict | None:
        """Return the Region Attention Modules of a layer by name."""
        if self.region_modules is None:
            return None
        modules = self.region_modules[layer]
        assert isinstance(modules, nn.ModuleDict)
        return modules

    def attend(
        self, layer: int, x: Float[Tensor, "bf c h w"], flow: Flow
    ) -> tuple[Float[Tensor, "bf c h w"], tuple[SiteOutput, ...]]:
        """Run what follows the residual block of a layer."""
        outputs: tuple[SiteOutput, ...] = ()
        before: Tensor | None = None
        if self.attentions is not None:
            inputs = flow.sites[self.site + layer]
            x, normed = self._look(layer, x, inputs, flow.frames)
            x = self._hear(layer, x, inputs, flow.frames)
            x, face = self._regard(layer, "face", x, inputs.clip.face, flow.frames)
            x, hands = self._regard(layer, "hands", x, inputs.clip.hands, flow.frames)
            outputs = (SiteOutput(normed, face, hands),)
            before = inputs.window.motion
        return self._move(layer, x, before, flow.frames), outputs

    def _look(self, layer: int, x: Tensor, inputs: SiteInputs, frames: int) -> tuple[Tensor, Tensor]:
        """Attend to the picture itself, the reference, and its tokens or the sound."""
        reference, prompt, heard = inputs.clip.reference, inputs.clip.prompt, inputs.window.audio
        cross = prompt.repeat(frames) if prompt is not None else heard if isinstance(heard, KeyValue) else None
        looked: tuple[Tensor, Tensor] = self.attention(layer)(
            x, KeyValue.take_turns(reference, frames) if reference else None, cross
        )
        return looked

    def _hear(self, layer: int, x: Tensor, inputs: SiteInputs, frames: int) -> Tensor:
        """Run the audio module of a layer that has one."""
        module, heard, masks = self.audio_module(layer), inputs.window.audio, inputs.clip.masks
        if module is None:
            return x
        if masks is None:
            raise ValueError("audio modules need masks of the face")
        out: Tensor = module(x, heard if isinstance(heard, tuple) else None, masks.repeat_interleave(frames, 0))
        return out

    def _regard(
        self, layer: int, region: str, x: Tensor, keys: RegionKeys | None, frames: int
    ) -> tuple[Tensor, RegionOutput | None]:
        modules = self.regions(layer)
        if modules is None or keys is None:
            return x, None
        regarded: tuple[Tensor, RegionOutput] = modules[region](x, keys, frames)
        return regarded

    def _move(self, layer: int, x: Tensor, before: Tensor | None, frames: int) -> Tensor:
        if self.motion_modules is None or (frames == 1 and before is None):
            # One frame alone does not move; the paper's stage 1, on such frames, has no temporal layers.
            return x
        if before is not None:
            before = rearrange(before, "b m (h w) c -> b m c h w", h=x.shape[2])
        clips = rearrange(x, "(b f) c h w -> b f c h w", f=frames)
        moved: Tensor = self.motion_modules[layer](clips, before)
        return moved.flatten(0, 1)


class DownBlock(Block):
    """A level on the way down."""

    def __init__(self, width_in: int, width: int, site: int, kind: BlockKind, *, last: bool) -> None:
        more = kind.backbone.layers_per_block - 1
        super().__init__([(width_in, width)] + [(width, width)] * more, [width_in] + [width] * more, site, kind)
        self.downsamplers = None if last else nn.ModuleList([Downsample(width)])

    def forward(self, x: Tensor, flow: Flow) -> tuple[Tensor, tuple[Tensor, ...], tuple[SiteOutput, ...]]:
        """Return the output, the skips in order, and what the sites hand on."""
        skips: tuple[Tensor, ...] = ()
        outputs: tuple[SiteOutput, ...] = ()
        for layer, resnet in enumerate(self.resnets):
            x, more = self.attend(layer, resnet(x, flow.time), flow)
            skips, outputs = (*skips, x), outputs + more
        if self.downsamplers is not None:
            x = self.downsamplers[0](x)
            skips = (*skips, x)
        return x, skips, outputs


class MidBlock(Block):
    """The lowest level, always with attention."""

    def __init__(self, width: int, site: int, kind: BlockKind) -> None:
        super().__init__([(width, width)] * 2, [width], site, kind)

    def forward(self, x: Tensor, flow: Flow) -> tuple[Tensor, tuple[SiteOutput, ...]]:
        """Return the output and what the site hands on."""
        x, outputs = self.attend(0, self.resnets[0](x, flow.time), flow)
        return self.resnets[1](x, flow.time), outputs


class UpBlock(Block):
    """A level on the way up."""

    def __init__(self, width_in: int, width: int, skips: list[int], site: int, kind: BlockKind, *, last: bool) -> None:
        inputs = [width_in] + [width] * (len(skips) - 1)
        widths = [(before + skip, width) for before, skip in zip(inputs, skips, strict=True)]
        # Hallo's audio modules are as wide here as the level above, which the last skip comes from.
        super().__init__(widths, [skips[-1]] * len(skips), site, kind)
        self.upsamplers = None if last else nn.ModuleList([Upsample(width)])

    def forward(self, x: Tensor, skips: tuple[Tensor, ...], flow: Flow) -> tuple[Tensor, tuple[SiteOutput, ...]]:
        """Return the output and what the sites hand on; `skips` are taken from the end."""
        outputs: tuple[SiteOutput, ...] = ()
        for layer, (resnet, skip) in enumerate(zip(self.resnets, reversed(skips), strict=True)):
            x, more = self.attend(layer, resnet(torch.cat((x, skip), 1), flow.time), flow)
            outputs += more
        if self.upsamplers is not None:
            x = self.upsamplers[0](x)
        return x, outputs


def _region_pair(width: int, heads: int, max_frames: int, config: RegionsConfig) -> nn.ModuleDict:
    def module(region: RegionConfig, heatmaps: int) -> RegionAttention:
        return RegionAttention(
            width,
            heads,
            max_frames,
            region,
            latents_bank=config.latents_bank,
            identity_descriptor=config.identity_descriptor,
            heatmaps=heatmaps,
        )

    pair = {"face": (config.face, 0), "hands": (config.hands, HAND_KEYPOINTS)}
    return nn.ModuleDict({name: module(region, maps) for name, (region, maps) in pair.items() if region.enabled})
