"""EchoMimicV2's own code on random weights, as a process that samples one clip for each line it reads.

Run by `against.py` with a Python that has the versions their `requirements.txt` wants. It leaves weights, inputs and
latents in its folder, and answers with a line of JSON. Four things are set from outside, since their code has them
fixed: the kind of number in which the reference is told, the device of a mask, the first noise, and the sound, which
comes without Whisper. Nothing is decoded.
"""

import argparse
import json
import sys
import time
from functools import partialmethod
from math import prod
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler
from omegaconf import OmegaConf
from PIL import Image
from safetensors.torch import save_file
from src.models.pose_encoder import PoseEncoder
from src.models.unet_2d_condition import UNet2DConditionModel
from src.models.unet_3d_emo import EMOUNet3DConditionModel
from src.pipelines import pipeline_echomimicv2
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

CONTEXT, VECTORS, FEATURES = 12, 50, 384
"""Frames of a window; what Whisper says of a frame."""
AUTOENCODER = {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "sample_size": 512}
STABLE_DIFFUSION = {"sample_size": 64, "in_channels": 4, "layers_per_block": 2, "attention_head_dim": 8}


def random_weights(network: nn.Module) -> nn.Module:
    """Fill a network, also what begins as zeros in training: else whole parts would give zeros, whatever they do."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.normal_()
            if value.ndim > 1:
                value.div_(prod(value.shape[1:]) ** 0.5)
            else:
                value.mul_(0.1).add_(1 if "norm" in name and name.endswith("weight") else 0)
    return network.eval()


def networks(checkout: Path, widths: tuple[int, ...]) -> dict[str, nn.Module]:
    """Build the networks as `infer.py` does, but for their weights."""
    told = OmegaConf.to_container(
        OmegaConf.load(checkout / "configs/inference/inference_v2.yaml").unet_additional_kwargs
    )
    shape = {**STABLE_DIFFUSION, "block_out_channels": widths}
    made = {
        "vae": AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, **AUTOENCODER
        ),
        "reference_unet": UNet2DConditionModel(cross_attention_dim=768, **shape),
        "denoising_unet": EMOUNet3DConditionModel(**shape, **told),
        "pose_encoder": PoseEncoder(widths[0], conditioning_channels=3, block_out_channels=(16, 32, 96, 256)),
    }
    return {name: random_weights(network) for name, network in made.items()}


def save(made: dict[str, nn.Module], folder: Path) -> None:
    """Write the weights as they were published."""
    for name in ("reference_unet", "pose_encoder", "denoising_unet"):
        values = made[name].state_dict()
        motion = {key: value for key, value in values.items() if "motion_modules" in key}
        torch.save({key: value for key, value in values.items() if key not in motion}, folder / f"{name}.pth")
        if motion:
            torch.save(motion, folder / "motion_module.pth")
    (folder / "sd-vae-ft-mse").mkdir()
    save_file(made["vae"].state_dict(), folder / "sd-vae-ft-mse/diffusion_pytorch_model.safetensors")


def draw_inputs(frames: int, side: int) -> dict[str, Tensor]:
    """Make up the first noise, what is heard, a picture and maps of hands."""
    return {
        "noise": torch.randn(1, 4, frames, side // 8, side // 8).clamp(-1.5, 1.5),
        "audio": torch.randn(frames, VECTORS, FEATURES),
        "picture": torch.randint(0, 256, (side, side, 3), dtype=torch.uint8),
        "maps": torch.randint(0, 256, (1, 3, frames, side, side), dtype=torch.uint8),
    }


class Sound:
    """What stands for Whisper."""

    def __init__(self, audio: Tensor) -> None:
        self.audio = audio

    def audio2feat(self, _path: object) -> Tensor:
        """Hand on."""
        return self.audio

    def feature2chunks(self, feature_array: Tensor, fps: object) -> Tensor:
        """Hand on."""
        del fps
        return feature_array


class Theirs:
    """Their pipeline with all that it samples."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Build it, and leave the weights and the inputs in the folder."""
        self.options = options
        torch.manual_seed(0)
        made, given = networks(options.checkout, options.widths), draw_inputs(options.frames, options.side)
        save(made, options.folder)
        save_file(given, options.folder / "inputs.safetensors")
        self.dtype = getattr(torch, options.dtype)
        control = pipeline_echomimicv2.ReferenceAttentionControl
        control.register_reference_hooks = partialmethod(control.register_reference_hooks, device=options.device)
        control.update = partialmethod(control.update, dtype=self.dtype)
        told = OmegaConf.load(options.checkout / "configs/inference/inference_v2.yaml").noise_scheduler_kwargs
        scheduler = DDIMScheduler(**OmegaConf.to_container(told))
        pipeline = pipeline_echomimicv2.EchoMimicV2Pipeline(**made, audio_guider=None, scheduler=scheduler)
        self.pipeline = pipeline.to(options.device, dtype=self.dtype)
        self.pipeline.set_progress_bar_config(disable=True)
        self.pipeline.audio_guider = Sound(given["audio"])
        self.pipeline.prepare_latents_smooth = lambda *_: given["noise"].to(options.device, self.dtype)
        self.pipeline.decode_latents = lambda latents: latents.float().cpu().numpy()
        self.picture = Image.fromarray(given["picture"].numpy())
        self.maps = given["maps"].to(options.device, self.dtype) / 255

    def sample(self) -> Tensor:
        """Sample the clip once."""
        side, frames, steps = self.options.side, self.options.frames, self.options.steps
        return self.pipeline(
            self.picture, "", self.maps, side, side, frames, steps, 2.5, context_frames=CONTEXT, context_overlap=3
        ).videos

    def wait(self) -> None:
        """Wait until a GPU has done all it was told."""
        if self.options.device == "cuda":
            torch.cuda.synchronize()

    def count(self) -> int:
        """Sample once and return the arithmetic, two for a multiplication and an addition; it warms up, too."""

        def attention(query: list[int], key: list[int], value: list[int], *_: object, **__: object) -> int:
            return 2 * prod(query[:3]) * key[2] * (query[3] + value[3])

        known = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention}
        with FlopCounterMode(display=False, custom_mapping=known) as counter:
            save_file({"latents": self.sample()}, self.options.folder / "theirs.safetensors")
        return counter.get_total_flops()

    def measure(self) -> dict[str, float]:
        """Sample once and return what it took."""
        self.wait()
        clock, processors = time.perf_counter(), time.process_time()
        self.sample()
        self.wait()
        return {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - processors}


def main() -> None:
    """Answer the lines `count`, `measure` and `peak`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    parser.add_argument("folder", type=Path)
    for name in ("side", "frames", "steps"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--widths", type=lambda text: tuple(map(int, text.split(","))))
    parser.add_argument("--dtype")
    parser.add_argument("--device")
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr  # Their code prints.
    theirs = Theirs(options)
    print(json.dumps({"ready": torch.__version__}), file=answers, flush=True)
    for line in sys.stdin:
        if line.strip() == "count":
            told: dict[str, float] = {"flop": theirs.count()}
        elif line.strip() == "peak":
            told = {"peak": torch.cuda.max_memory_allocated() if options.device == "cuda" else 0}
        else:
            told = theirs.measure()
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
