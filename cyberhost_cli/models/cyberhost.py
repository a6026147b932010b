"""CyberHost: all networks of the one-stage model, and the passes that are done once per clip or window."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from cyberhost_cli.config.model import ModelConfig, RegionConfig
from cyberhost_cli.models.attention import CrossSource
from cyberhost_cli.models.audio import AudioProjector
from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.models.conditions import Conditions, Identity, Masks, ReferenceFeatures, SiteFeatures
from cyberhost_cli.models.denoiser import DenoisingUNet
from cyberhost_cli.models.identity import CropEncoder
from cyberhost_cli.models.pose import PoseEncoder
from cyberhost_cli.models.prompt import IdentityProjector
from cyberhost_cli.models.reference import ReferenceNet
from cyberhost_cli.models.region import LatentsBank


@dataclass(frozen=True)
class ReferenceInputs:
    """The person as tensors: latents normalised, pixels in -1..1, skeleton in 0..1."""

    latents: Float[Tensor, "b c h w"]
    skeleton: Float[Tensor, "b 3 H W"]
    face: Float[Tensor, "b 3 s s"]
    hands: Float[Tensor, "b 2 3 q q"]
    identity: Float[Tensor, "b _d"]
    """What tells the face from others; of width 0 for models that read none."""
    masks: Masks | None
    """Per level of the U-Net, for models whose sound is heard by regions of the face."""


@dataclass(frozen=True)
class WindowInputs:
    """A window as tensors: speech features, drawn maps in 0..1, clarity scores, latents of the motion frames."""

    audio: Float[Tensor, "b f t d"] | None
    pose: Float[Tensor, "b _k 3 H W"] | None
    """One drawn map for all frames, as the body movement map, or one for each; None draws nothing."""
    clarity: Float[Tensor, "b f 2"]
    motion: Float[Tensor, "b m c h w"]
    carried: Float[Tensor, "b f c h w"] | None = None
    """Latents of the reference with its hands where they are driven to; None where they are not, or not carried."""
    held: Float[Tensor, "b f 1 h w"] | None = None
    """How far each place stays what is carried there, 0..1; None leaves all to the model."""


class CyberHost(nn.Module):
    """The whole model; `config` gives its shape."""

    hand_clarity_half: Tensor
    """Deviation of a hand crop that scores one half: the median of the training data; 0 where none was seen yet."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        regions, width = config.regions, config.backbone.widths[0]
        identity = regions.identity_descriptor and any(regions.levels)
        self.autoencoder = Autoencoder(config.autoencoder, config.backbone.latent_channels)
        prompt = config.prompt
        self.reference_net = ReferenceNet(config.backbone, CrossSource(prompt.width, 1.0) if prompt.enabled else None)
        self.denoiser = DenoisingUNet(config)
        self.pose_encoder = (
            PoseEncoder(config.priors.pose_channels, width) if config.priors.pose_aligned_reference else None
        )
        self.prompt_projector = (
            IdentityProjector(prompt.features, prompt.tokens, prompt.width)
            if prompt.enabled and prompt.projected
            else None
        )
        self.audio_projector = AudioProjector(config.audio) if config.audio.enabled and config.audio.projected else None
        self.register_buffer("hand_clarity_half", torch.zeros(()))
        self.face_encoder = _face_encoder(regions.face) if identity and regions.face.enabled else None
        self.hand_encoder = CropEncoder(regions.hands) if identity and regions.hands.enabled else None

    def reference_features(self, inputs: ReferenceInputs, beside: ReferenceFeatures | None = None) -> ReferenceFeatures:
        """Read the person, once per clip.

        `beside` is nobody, whose tokens a model with `prompt.tiled` takes for the picture of every other frame.
        """
        pose = None if self.pose_encoder is None else self.pose_encoder(inputs.skeleton)
        prompt = self._prompt(inputs.identity)
        taken = (beside.prompt, prompt) if beside is not None and self.config.prompt.tiled else (prompt,)
        spatial = tuple(self.reference_net(inputs.latents, pose, tokens) for tokens in taken)
        identity = Identity(self._face(inputs), self._hands(inputs))
        return ReferenceFeatures(spatial, inputs.latents, identity, prompt, inputs.masks)

    def nobody_features(self, inputs: ReferenceInputs) -> ReferenceFeatures:
        """Return what stands for the person where guidance or training leaves the reference out."""
        prompt = self._prompt(torch.zeros_like(inputs.identity))
        return ReferenceFeatures((), None, Identity(None, None), prompt, inputs.masks)

    def _prompt(self, identity: Float[Tensor, "b _d"]) -> Float[Tensor, "b t e"] | None:
        if not self.config.prompt.enabled:
            return None
        if self.prompt_projector is None:
            return identity[:, None]
        tokens: Tensor = self.prompt_projector(identity)
        return tokens

    def _face(self, inputs: ReferenceInputs) -> Float[Tensor, "b t e"] | None:
        if self.face_encoder is None:
            return None
        read = inputs.identity if isinstance(self.face_encoder, IdentityProjector) else inputs.face
        tokens: Tensor = self.face_encoder(read)
        return tokens

    def _hands(self, inputs: ReferenceInputs) -> Float[Tensor, "b t e"] | None:
        if self.hand_encoder is None:
            return None
        tokens: Tensor = self.hand_encoder(inputs.hands.flatten(0, 1))
        return rearrange(tokens, "(b two) t e -> b (two t) e", two=2)

    def motion_features(
        self, latents: Float[Tensor, "b m c h w"], prompt: Float[Tensor, "b m t e"] | None
    ) -> SiteFeatures | None:
        """Read the motion frames, each with its prompt; their pose is not drawn, so the Pose Encoder is left out."""
        if latents.shape[1] == 0 or not self.config.motion.enabled:
            return None
        return self.reference_net(latents.flatten(0, 1), None, None if prompt is None else prompt.flatten(0, 1))

    def conditions(self, inputs: WindowInputs, motion_prompt: Float[Tensor, "b m t e"] | None = None) -> Conditions:
        """Read what the denoiser is told of a window."""
        audio = inputs.audio if self.config.audio.enabled else None
        if self.audio_projector is not None and audio is not None:
            audio = self.audio_projector(audio)
        motion = self.motion_features(inputs.motion, motion_prompt)
        return Conditions(audio, inputs.pose, inputs.clarity, motion, inputs.carried, inputs.held)

    def keep_banks(self) -> None:
        """Orthonormalise all latents banks once for all clips; for inference, after the weights are loaded."""
        for module in self.modules():
            if isinstance(module, LatentsBank):
                module.keep()

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.denoiser.conv_in.weight.device


def _face_encoder(region: RegionConfig) -> CropEncoder | IdentityProjector:
    """Make what turns the face into tokens: a projector of its identity (paper, secondary), or a trained encoder."""
    if region.identity_features is None:
        return CropEncoder(region)
    return IdentityProjector(region.identity_features, region.identity_tokens, region.identity_width)
