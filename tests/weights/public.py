"""Files laid out as the public models publish theirs, in a small size and with random values.

Names are those of `tests/models/upstream_keys.json.gz`, of diffusers and of transformers; the shapes follow from our
model at the small size. What each file fills in it is said here again, apart from the tables of the importers.
"""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, Wav2Vec2Config, Wav2Vec2ForCTC

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.weights.blank import BlankModel

UPSTREAM = json.loads(gzip.decompress((Path(__file__).parent.parent / "models" / "upstream_keys.json.gz").read_bytes()))
SMALL = (
    "model.backbone.widths=[8,16,32,32]",
    "model.backbone.heads=2",
    "model.backbone.norm_groups=4",
    "model.motion.heads=2",
    "model.audio.hidden=8",
    "model.regions.face.spatial_latents=4",
    "model.regions.face.temporal_latents=4",
    "model.regions.face.identity_widths=[8,8]",
    "model.regions.hands.spatial_latents=4",
    "model.regions.hands.temporal_latents=4",
    "model.regions.hands.identity_widths=[8,8]",
    "model.priors.pose_channels=[4,4,4,4]",
    "model.autoencoder.widths=[4,8,16,16]",
    "model.autoencoder.norm_groups=2",
)
"""A preset of the family at a size for tests."""

Layout = dict[str, tuple[str, ...]]
"""What each key of a file fills in our model."""


@dataclass(frozen=True)
class PublicFile:
    """One file as it is published."""

    path: str
    layout: Layout
    elsewhere: dict[str, tuple[int, ...]]
    """Shapes at full size of what fills nothing."""


def small_config(preset: str) -> ModelConfig:
    """Return the model of a preset at a size for tests."""
    return load_preset(preset, SMALL).preset.model


@cache
def small_shapes(preset: str) -> dict[str, tuple[int, ...]]:
    """Return what that model holds."""
    return BlankModel(small_config(preset)).shapes


def autoencoder() -> PublicFile:
    """Return Stable Diffusion's, with the names that it has in the published file."""
    with torch.device("meta"):
        state = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
        ).state_dict()
    return PublicFile(
        "sd-vae-ft-mse/diffusion_pytorch_model.safetensors",
        {_aged(name): (f"autoencoder.kl.{name}",) for name in state},
        {},
    )


def _aged(name: str) -> str:
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return name


def networks(source: str, names: dict[str, str]) -> list[PublicFile]:
    """Return the files of AnimateAnyone or EchoMimicV2, by the names of denoiser, motion, reference and pose."""
    keys = UPSTREAM[source]
    unet = keys["denoising_unet"]
    parts: list[tuple[str, list[str], str]] = [
        (names["denoiser"], [key for key in unet if "motion_modules" not in key], "denoiser"),
        (names["motion"], [key for key in unet if "motion_modules" in key], "denoiser"),
        (names["reference"], list(keys["reference_unet"]), "reference_net"),
        (names["pose"], list(keys["cond_encoder"]), "denoiser.pose_encoder"),
    ]
    return [PublicFile(path, {key: (f"{ours}.{key}",) for key in held}, {}) for path, held, ours in parts]


def echomimic_v2(suffix: str = "") -> list[PublicFile]:
    """Return the files of EchoMimicV2; `_acc` makes those of its distilled model."""
    names = {
        "denoiser": f"denoising_unet{suffix}.pth",
        "motion": f"motion_module{suffix}.pth",
        "reference": "reference_unet.pth",
        "pose": "pose_encoder.pth",
    }
    return [*networks("echomimic_v2", names), autoencoder()]


def animate_anyone() -> list[PublicFile]:
    """Return the files of AnimateAnyone."""
    names = {
        "denoiser": "denoising_unet.pth",
        "motion": "motion_module.pth",
        "reference": "reference_unet.pth",
        "pose": "pose_guider.pth",
    }
    with torch.device("meta"):
        clip = CLIPVisionModelWithProjection(
            CLIPVisionConfig(hidden_size=1024, num_attention_heads=16, num_hidden_layers=24)
        ).state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in clip.items()}
    return [
        *networks("moore_animateanyone", names),
        autoencoder(),
        PublicFile("image_encoder/pytorch_model.bin", {}, shapes),
    ]


def hallo() -> list[PublicFile]:
    """Return the files of Hallo."""
    keys = UPSTREAM["hallo"]
    layout: Layout = {}
    idle: dict[str, tuple[int, ...]] = {}
    for part, ours in (
        ("denoising_unet", "denoiser"),
        ("reference_unet", "reference_net"),
        ("face_locator", "denoiser.pose_encoder"),
        ("imageproj", "prompt_projector"),
        ("audioproj", "audio_projector"),
    ):
        for key, shape in keys[part].items():
            if re.match(r"(down_blocks\.3|up_blocks\.0)\.motion_modules", key):
                idle[f"{part}.{key}"] = tuple(shape)
            else:
                layout[f"{part}.{key}"] = (f"{ours}.{key}",)
    return [PublicFile("hallo/net.pth", layout, idle), autoencoder()]


def cyberhost() -> list[PublicFile]:
    """Return what a training of CyberHost starts from."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(cross_attention_dim=768).state_dict()
        speech = Wav2Vec2ForCTC(Wav2Vec2Config()).state_dict()
    heard = re.compile(r".*transformer_blocks\.0\.(attn2|norm2)\.|conv_norm_out|conv_out")
    layout: Layout = {
        key: (f"denoiser.{key}",) if heard.match(key) else (f"denoiser.{key}", f"reference_net.{key}") for key in unet
    }
    motion = [key for key in UPSTREAM["echomimic_v2"]["denoising_unet"] if "motion_modules" in key]
    return [
        PublicFile("unet/diffusion_pytorch_model.safetensors", layout, {}),
        autoencoder(),
        PublicFile("mm_sd_v15_v2.ckpt", {key: (f"denoiser.{key}",) for key in motion}, {}),
        PublicFile("wav2vec2/model.safetensors", {}, {key: tuple(tensor.shape) for key, tensor in speech.items()}),
    ]


FILES: dict[str, Callable[[], list[PublicFile]]] = {
    "cyberhost": cyberhost,
    "echomimic-v2": echomimic_v2,
    "echomimic-v2-fast": lambda: echomimic_v2("_acc"),
    "hallo": hallo,
    "animate-anyone": animate_anyone,
}
"""The files of each source that can be imported."""


def tensors(file: PublicFile, preset: str, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Make random values for a file that fits the small model of a preset."""
    shapes = small_shapes(preset)
    made = {key: torch.randn(shapes[targets[0]]).to(dtype) for key, targets in file.layout.items()}
    return made | {key: torch.zeros(1, dtype=dtype) for key in file.elsewhere}


def write(path: Path, held: object) -> Path:
    """Write tensors as the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        assert isinstance(held, dict)
        save_file(held, path)
    else:
        torch.save(held, path)
    return path
