"""Hallo, and Hallo2, whose file has the same keys."""

from cyberhost_cli.weights.importers.family import AUTOENCODER, MEASURES
from cyberhost_cli.weights.importers.table import Part, Source, drop, take

HALLO = Source(
    name="hallo",
    description="Hallo or Hallo2 as its authors trained it",
    parts=(
        Part(
            name="network",
            entry="hallo",
            files=("net.pth",),
            has=("denoising_unet.conv_in.weight", "reference_unet.conv_in.weight", "audioproj.proj1.weight"),
            lacks=(),
            rules=(
                drop(
                    r"denoising_unet\.(down_blocks\.3|up_blocks\.0)\.motion_modules\..+",
                    "motion modules at the last level, which Hallo's code never runs",
                ),
                take(r"denoising_unet\.(.+)", r"denoiser.\1"),
                take(r"reference_unet\.(.+)", r"reference_net.\1"),
                take(r"face_locator\.(.+)", r"denoiser.pose_encoder.\1"),
                take(r"imageproj\.(.+)", r"prompt_projector.\1"),
                take(r"audioproj\.(.+)", r"audio_projector.\1"),
            ),
        ),
        AUTOENCODER,
    ),
    fresh=MEASURES,
    trained=True,
)
