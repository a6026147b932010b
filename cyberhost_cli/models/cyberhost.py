"""CyberHost: all networks of the one-stage model, and the passes that are done once per clip or window."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.models.audio import AudioProjector
from cyberhost_cli.models.autoencoder import Autoencoder
from cyberhost_cli.models.conditions import Conditions, Identity, ReferenceFeatures, SiteFeatures
from cyberhost_cli.models.denoiser import DenoisingUNet
from cyberhost_cli.models.identity import CropEncoder
from cyberhost_cli.models.pose import PoseEncoder
from cyberhost_cli.models.reference import ReferenceNet


@dataclass(frozen=True)
class ReferenceInputs:
    """The person as tensors: latents normalised, pixels in -1..1, skeleton in 0..1."""

    latents: Float[Tensor, "b c h w"]
    skeleton: Float[Tensor, "b 3 H W"]
    face: Float[Tensor, "b 3 s s"]
    hands: Float[Tensor, "b 2 3 q q"]


@dataclass(frozen=True)
class WindowInputs:
    """A window as tensors: speech features, drawn maps in 0..1, clarity scores, latents of the motion frames."""

    audio: Float[Tensor, "b f t d"] | None
    pose: Float[Tensor, "b _k 3 H W"]
    """The body movement map alone, or a skeleton for each frame."""
    clarity: Float[Tensor, "b f 2"]
    motion: Float[Tensor, "b m c h w"]


class CyberHost(nn.Module):
    """The whole model; `config` gives its shape."""

    hand_clarity_half: Tensor
    """Deviation of a hand crop that scores one half: the median of the training data; 0 where none was seen yet."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        regions, width = config.regions, config.backbone.widths[0]
        identity = regions.identity_descriptor
        self.autoencoder = Autoencoder(config.autoencoder, config.backbone.latent_channels)
        self.reference_net = ReferenceNet(config.backbone)
        self.denoiser = DenoisingUNet(config)
        self.pose_encoder = (
            PoseEncoder(config.priors.pose_channels, width) if config.priors.pose_aligned_reference else None
        )
        self.audio_projector = AudioProjector(config.audio) if config.audio.enabled else None
        self.register_buffer("hand_clarity_half", torch.zeros(()))
        self.face_encoder = CropEncoder(regions.face) if identity and regions.face.enabled else None
        self.hand_encoder = CropEncoder(regions.hands) if identity and regions.hands.enabled else None

    def reference_features(self, inputs: ReferenceInputs) -> ReferenceFeatures:
        """Read the person, once per clip."""
        pose = None if self.pose_encoder is None else self.pose_encoder(inputs.skeleton)
        face = None if self.face_encoder is None else self.face_encoder(inputs.face)
        hands = None
        if self.hand_encoder is not None:
            hands = self.hand_encoder(inputs.hands.flatten(0, 1)).unflatten(0, (-1, 2)).flatten(1, 2)
        return ReferenceFeatures(self.reference_net(inputs.latents, pose), inputs.latents, Identity(face, hands))

    def motion_features(self, latents: Float[Tensor, "b m c h w"]) -> SiteFeatures | None:
        """Read the motion frames; their pose is not drawn, so the Pose Encoder is left out."""
        if latents.shape[1] == 0 or not self.config.motion.enabled:
            return None
        return self.reference_net(latents.flatten(0, 1), None)

    def conditions(self, inputs: WindowInputs) -> Conditions:
        """Read what the denoiser is told of a window."""
        audio = None
        if self.audio_projector is not None and inputs.audio is not None:
            audio = self.audio_projector(inputs.audio)
        return Conditions(audio, inputs.pose, inputs.clarity, self.motion_features(inputs.motion))

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.denoiser.conv_in.weight.device
