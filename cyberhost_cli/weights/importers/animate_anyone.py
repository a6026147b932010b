"""AnimateAnyone as Moore Threads trained it anew."""

from cyberhost_cli.weights.importers.family import (
    AUTOENCODER,
    MEASURES,
    denoiser,
    motion_modules,
    pose_encoder,
    reference_net,
)
from cyberhost_cli.weights.importers.table import Part, Source, drop

_ENTRY = "animate-anyone"

ANIMATE_ANYONE = Source(
    name="animate-anyone",
    description="AnimateAnyone as Moore Threads trained it",
    parts=(
        denoiser(_ENTRY, "denoising_unet.pth"),
        motion_modules(_ENTRY, "motion_module.pth"),
        reference_net(_ENTRY, "reference_unet.pth"),
        pose_encoder(_ENTRY, "pose_guider.pth"),
        AUTOENCODER,
        Part(
            name="encoder of pictures",
            entry="clip-image-encoder",
            files=("pytorch_model.bin",),
            has=("vision_model.embeddings.class_embedding", "visual_projection.weight"),
            lacks=(),
            rules=(
                drop(
                    r"vision_model\..+|visual_projection\.weight",
                    "CLIP, which stays where it is: `detection.embedder` reads it",
                ),
            ),
            needed=False,
        ),
    ),
    fresh=MEASURES,
    trained=True,
)
