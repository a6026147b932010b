"""The files in which AnimateAnyone and its offspring publish their networks, and Stable Diffusion's autoencoder."""

from cyberhost_cli.weights.importers.table import Fresh, Part, take

SCALE = 0.18215
"""What Stable Diffusion multiplies its latents by."""
_ATTENTION = r"((?:en|de)coder\.mid_block\.attentions\.0)\."

AUTOENCODER = Part(
    name="autoencoder",
    entry="sd-vae-ft-mse",
    files=("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
    has=("encoder.conv_in.weight", "decoder.conv_in.weight", "quant_conv.weight"),
    lacks=(),
    rules=(
        # Names of diffusers before version 0.15, which the published file has.
        take(_ATTENTION + r"query\.(.+)", r"autoencoder.kl.\1.to_q.\2"),
        take(_ATTENTION + r"key\.(.+)", r"autoencoder.kl.\1.to_k.\2"),
        take(_ATTENTION + r"value\.(.+)", r"autoencoder.kl.\1.to_v.\2"),
        take(_ATTENTION + r"proj_attn\.(.+)", r"autoencoder.kl.\1.to_out.0.\2"),
        take(r"((?:encoder|decoder|quant_conv|post_quant_conv)\..+)", r"autoencoder.kl.\1"),
    ),
)
MEASURES = (
    Fresh(r"autoencoder\.latent_mean", "mean of the latents: 0, as in Stable Diffusion"),
    Fresh(r"autoencoder\.latent_std", f"spread of the latents: 1 / {SCALE}, as in Stable Diffusion", 1 / SCALE),
    Fresh("hand_clarity_half", "sharpness of hands: not measured"),
)


def denoiser(entry: str, file: str) -> Part:
    """Return the denoising U-Net without motion modules."""
    return Part(
        name="denoising U-Net",
        entry=entry,
        files=(file,),
        has=("conv_in.weight", "conv_out.weight", "time_embedding.linear_1.weight"),
        lacks=("encoder.conv_in.weight",),
        rules=(take(r"((?!.*\.motion_modules\.).+)", r"denoiser.\1"),),
    )


def motion_modules(entry: str, file: str) -> Part:
    """Return the motion modules of the denoising U-Net."""
    return Part(
        name="motion modules",
        entry=entry,
        files=(file,),
        has=("down_blocks.0.motion_modules.0.temporal_transformer.norm.weight",),
        lacks=("conv_in.weight",),
        rules=(take(r"(.+\.motion_modules\..+)", r"denoiser.\1"),),
    )


def reference_net(entry: str, file: str) -> Part:
    """Return the Reference Net."""
    return Part(
        name="Reference Net",
        entry=entry,
        files=(file,),
        has=("conv_in.weight", "time_embedding.linear_1.weight"),
        lacks=("conv_out.weight",),
        rules=(take(r"(.+)", r"reference_net.\1"),),
    )


def pose_encoder(entry: str, file: str) -> Part:
    """Return the Pose Encoder."""
    return Part(
        name="Pose Encoder",
        entry=entry,
        files=(file,),
        has=("conv_in.weight", "blocks.0.weight", "conv_out.weight"),
        lacks=(),
        rules=(take(r"(.+)", r"denoiser.pose_encoder.\1"),),
    )
