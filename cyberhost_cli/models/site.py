"""What the branches of a pass attend to at each site, and where they part."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from cyberhost_cli.models.attention import Folded, KeyValue
from cyberhost_cli.models.audio_module import Heard
from cyberhost_cli.models.branches import Fork, fork
from cyberhost_cli.models.conditions import SiteInputs
from cyberhost_cli.models.region import RegionKeys


@dataclass(frozen=True)
class RegionFork:
    """What a Region Attention Module attends to."""

    keys: RegionKeys | None
    """Of the latents banks, which are the model's own and the same for all branches."""
    identity: Fork[Folded | None]


@dataclass(frozen=True)
class Site:
    """What is attended to at a site, in the order of computation."""

    reference: Fork[tuple[KeyValue, ...]]
    cross: Fork[KeyValue | None]
    heard: Fork[Heard | None]
    face: RegionFork
    hands: RegionFork
    motion: Fork[Float[Tensor, "b m t c"] | None]


def plan(of: tuple[int, ...], size: int, branches: Sequence[Sequence[SiteInputs]]) -> tuple[Site, ...]:
    """Part branches, whose groups of `size` rows enter as `of` says, at the sites where they are told different things.

    It looks at objects, not at values, and once for a pass, so that compiled blocks find only numbers.
    """
    sites = []
    for told in zip(*branches, strict=True):
        sites.append(_site(of, size, told))
        of = sites[-1].motion.of
    return tuple(sites)


def _site(of: tuple[int, ...], size: int, told: Sequence[SiteInputs]) -> Site:
    reference = fork(of, size, [each.clip.reference for each in told])
    cross = fork(reference.of, size, [_cross(each) for each in told])
    heard = fork(cross.of, size, [_heard(each) for each in told])
    face = _region(heard.of, size, [each.clip.face for each in told])
    hands = _region(face.identity.of, size, [each.clip.hands for each in told])
    motion = fork(hands.identity.of, size, [each.window.motion for each in told])
    return Site(reference, cross, heard, face, hands, motion)


def _cross(told: SiteInputs) -> KeyValue | None:
    """Return what stands where Stable Diffusion has text: tokens of the reference, or the sound."""
    prompt, heard = told.clip.prompt, told.window.audio
    return prompt if prompt is not None else heard if isinstance(heard, KeyValue) else None


def _heard(told: SiteInputs) -> Heard | None:
    """Return what an audio module hears, and where."""
    audio, masks = told.window.audio, told.clip.masks
    return None if masks is None else (audio if isinstance(audio, tuple) else None, masks)


def _region(of: tuple[int, ...], size: int, told: Sequence[RegionKeys | None]) -> RegionFork:
    return RegionFork(told[0], fork(of, size, [None if keys is None else keys.identity for keys in told]))
