"""A start for the training of CyberHost: Stable Diffusion 1.5, its autoencoder, AnimateDiff and wav2vec2."""

from cyberhost_cli.weights.importers.family import AUTOENCODER, MEASURES
from cyberhost_cli.weights.importers.table import Fresh, Part, Source, drop, take

_TEXT = r"(.+\.transformer_blocks\.0\.(?:attn2|norm2)\..+)"
"""Cross-attention: in Stable Diffusion to text, here to speech."""

_UNET = Part(
    name="U-Net",
    entry="stable-diffusion-v1-5",
    files=("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
    has=("conv_in.weight", "conv_out.weight", "time_embedding.linear_1.weight"),
    lacks=("encoder.conv_in.weight",),
    rules=(
        take(
            r"(.+\.attn2\.to_[kv]\.weight)",
            r"denoiser.\1",
            unless="keys and values of text, of another width than those of speech",
        ),
        take(_TEXT, r"denoiser.\1"),
        take(r"(conv_norm_out\..+|conv_out\..+)", r"denoiser.\1"),
        take(r"(.+)", r"denoiser.\1", r"reference_net.\1"),
    ),
)
_MOTION = Part(
    name="motion modules",
    entry="animatediff",
    files=("mm_sd_v15_v2.ckpt",),
    has=("down_blocks.0.motion_modules.0.temporal_transformer.norm.weight",),
    lacks=("conv_in.weight",),
    rules=(
        take(
            r"(.+\.motion_modules\..+\.pos_encoder\.pe)",
            r"denoiser.\1",
            unless="positions of frames, in a table of another length",
        ),
        take(r"(.+\.motion_modules\..+)", r"denoiser.\1"),
    ),
)
_SPEECH = Part(
    name="encoder of speech",
    entry="wav2vec2-base-960h",
    files=("model.safetensors", "pytorch_model.bin"),
    has=("wav2vec2.feature_projection.projection.weight",),
    lacks=(),
    rules=(drop(r"(wav2vec2|lm_head)\..+", "wav2vec2, which stays where it is: `speech.encoder` reads it"),),
)

CYBERHOST = Source(
    name="cyberhost",
    description="nothing yet: a start for training from Stable Diffusion 1.5, AnimateDiff and wav2vec2",
    parts=(_UNET, AUTOENCODER, _MOTION, _SPEECH),
    fresh=(
        *MEASURES,
        Fresh(r"denoiser\..+\.region_modules\..+", "Region Attention Modules"),
        Fresh(r"(denoiser\.)?pose_encoder\..+", "Pose Encoders"),
        Fresh(r"denoiser\.clarity_embedding\..+", "embedding of hand clarity"),
        Fresh(r"audio_projector\..+", "audio projector"),
        Fresh(r"(face|hand)_encoder\..+", "encoders of face and hands"),
        Fresh(r"denoiser\..+\.attn2\.to_[kv]\.weight", "keys and values of speech"),
        Fresh(r"denoiser\..+\.pos_encoder\.pe", "positions of frames"),
    ),
    trained=False,
)
