"""What travels into the denoiser beside the noise, projected as far as it does not change from step to step.

A *site* is a place in the U-Net where spatial attention stands; sites are numbered in the order of computation.
"""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.models.attention import KeyValue
from cyberhost_cli.models.audio_module import AudioKeys
from cyberhost_cli.models.region import RegionKeys, RegionOutput

SiteFeatures = tuple[Float[Tensor, "_b _t _c"], ...]
"""Per site, the normed input of the Reference Net's self-attention."""


@dataclass(frozen=True)
class Identity:
    """Identity descriptors of one clip."""

    face: Float[Tensor, "b t d"] | None
    hands: Float[Tensor, "b u e"] | None


Masks = tuple[Float[Tensor, "_b 3 _h _w"], ...]
"""Per level, where background, face and lips are, 0..1."""


@dataclass(frozen=True)
class ReferenceFeatures:
    """What the Reference Net and the identity encoders say of the person, or of nobody."""

    spatial: tuple[SiteFeatures, ...]
    """Those that the frames see in turns, as a rule one for all; empty for nobody."""
    latents: Float[Tensor, "b c h w"] | None
    """None for nobody."""
    identity: Identity
    prompt: Float[Tensor, "b t e"] | None
    """Tokens that stand where Stable Diffusion has text; nobody has some too."""
    masks: Masks | None
    """For models whose sound is heard by regions of the face."""


@dataclass(frozen=True)
class ClipKeys:
    """One site's keys that stay the same for a whole clip."""

    reference: tuple[KeyValue, ...] = ()
    prompt: KeyValue | None = None
    face: RegionKeys | None = None
    hands: RegionKeys | None = None
    masks: Float[Tensor, "b 3 h w"] | None = None


@dataclass(frozen=True)
class ClipContext:
    """Projected once per clip; without a reference, the branch that guidance departs from."""

    sites: tuple[ClipKeys, ...]
    reference: Float[Tensor, "b 1 c h w"] | None

    def beside(self, window: "WindowContext") -> Float[Tensor, "_b _f c h w"] | None:
        """Return the reference as it stands beside a window's noise, for all frames or for each; None for nobody."""
        return self.reference if self.reference is None or window.carried is None else window.carried


@dataclass(frozen=True)
class Conditions:
    """What the denoiser is told of one window of frames."""

    audio: Float[Tensor, "b f t d"] | None
    """Audio tokens; None is silence."""
    pose: Float[Tensor, "b _k 3 H W"] | None
    """Drawn maps, pixels in 0..1: the body movement map alone, or a skeleton for each frame."""
    clarity: Float[Tensor, "b f 2"] | None
    motion: SiteFeatures | None
    """Reference Net features of the motion frames, rows `(b m)`."""
    carried: Float[Tensor, "b f c h w"] | None
    """Latents of the reference with its hands carried to where each frame has them; None where none are driven."""
    held: Float[Tensor, "b f 1 h w"] | None
    """How far each place stays what is carried there, 0..1."""


@dataclass(frozen=True)
class WindowKeys:
    """One site's inputs that stay the same for a window."""

    audio: KeyValue | AudioKeys | None = None
    motion: Float[Tensor, "b m t c"] | None = None

    def after(self, motion: Float[Tensor, "bm t c"]) -> "WindowKeys":
        """Return the same keys behind other motion frames, as many as before."""
        return self if self.motion is None else replace(self, motion=motion.reshape(self.motion.shape))


@dataclass(frozen=True)
class WindowContext:
    """Projected once per window."""

    sites: tuple[WindowKeys, ...]
    pose: Float[Tensor, "b _k c h w"] | None
    """For all frames or for each."""
    clarity: Float[Tensor, "bf d"] | None
    carried: Float[Tensor, "b f _l h w"] | None
    """What stands for the reference beside the noise where its hands are driven."""
    held: Float[Tensor, "b f 1 h w"] | None
    """How far each place stays what is carried there, 0..1."""

    def silent(self) -> "WindowContext":
        """Return the same window without sound."""
        return replace(self, sites=tuple(replace(site, audio=None) for site in self.sites))

    def after(self, motion: SiteFeatures) -> "WindowContext":
        """Return the same windows behind other motion frames, as many as before."""
        told = zip(self.sites, motion, strict=True)
        return replace(self, sites=tuple(site.after(features) for site, features in told))


@dataclass(frozen=True)
class SiteInputs:
    """All that one site attends to."""

    clip: ClipKeys
    window: WindowKeys


@dataclass(frozen=True)
class SiteOutput:
    """What one site hands on: features for a denoiser, region outputs for the losses."""

    normed: Float[Tensor, "bf t c"]
    face: RegionOutput | None
    hands: RegionOutput | None


@dataclass(frozen=True)
class Denoised:
    """The prediction, and what the Region Attention Modules said on the way."""

    sample: Float[Tensor, "b f c h w"]
    sites: tuple[SiteOutput, ...]
