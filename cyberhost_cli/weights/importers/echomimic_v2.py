"""EchoMimicV2, and what its authors distilled of it to 6 steps."""

from cyberhost_cli.weights.importers.family import (
    AUTOENCODER,
    MEASURES,
    denoiser,
    motion_modules,
    pose_encoder,
    reference_net,
)
from cyberhost_cli.weights.importers.table import Source

_ENTRY = "echomimic-v2"
_FAST = "echomimic-v2-fast"
_SHARED = (
    reference_net(_ENTRY, "reference_unet.pth"),
    pose_encoder(_ENTRY, "pose_encoder.pth"),
    AUTOENCODER,
)

ECHOMIMIC_V2 = Source(
    name=_ENTRY,
    description="EchoMimicV2 as its authors trained it",
    parts=(denoiser(_ENTRY, "denoising_unet.pth"), motion_modules(_ENTRY, "motion_module.pth"), *_SHARED),
    fresh=MEASURES,
    trained=True,
)
ECHOMIMIC_V2_FAST = Source(
    name=_FAST,
    description="EchoMimicV2 as its authors trained and then distilled it",
    parts=(denoiser(_FAST, "denoising_unet_acc.pth"), motion_modules(_FAST, "motion_module_acc.pth"), *_SHARED),
    fresh=MEASURES,
    trained=True,
)
