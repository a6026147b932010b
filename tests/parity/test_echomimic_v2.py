"""EchoMimicV2's own code, run on random weights, against ours with the same weights imported (`README.md`)."""

from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import save_file

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.config.model import ModelConfig
from cyberhost_cli.models.cyberhost import CyberHost
from cyberhost_cli.sampling import guidance
from cyberhost_cli.weights.checkpoint import load_model
from cyberhost_cli.weights.importers.convert import convert
from cyberhost_cli.weights.importers.echomimic_v2 import ECHOMIMIC_V2
from cyberhost_cli.weights.importers.recognition import recognise
from tests.parity.echomimic_v2 import person, sampled, window
from tests.parity.filled import draw, error, recorded, state

LIMIT = 1e-4
FRAMES = 4
SMALL = {
    "backbone": {"widths": (64, 96, 128, 128)},
    "audio": {"vectors": 10, "features": 24, "tokens": 10, "width": 24},
    "priors": {"pose_channels": (8, 16, 24, 32)},
    "autoencoder": {"widths": (16, 32, 32, 32), "layers_per_block": 1, "norm_groups": 8},
}
"""What the recorded networks have smaller than the preset."""


@dataclass(frozen=True)
class Public:
    """What their code gave, and our model with their weights."""

    tensors: dict[str, torch.Tensor]
    model: CyberHost


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    tensors, told = recorded("echomimic_v2")
    folder = tmp_path_factory.mktemp("echomimic_v2")
    for part in ("denoising_unet", "motion_module", "reference_unet", "pose_encoder"):
        network = "denoising_unet" if part == "motion_module" else part
        torch.save(state(told["keys"][part], f"{network}."), folder / f"{part}.pth")
    (folder / "sd-vae-ft-mse").mkdir()
    save_file(state(told["keys"]["vae"], "vae."), folder / "sd-vae-ft-mse/diffusion_pytorch_model.safetensors")
    whole = load_preset("echomimic-v2").preset.model.model_dump()
    config = ModelConfig.model_validate(whole | {section: whole[section] | own for section, own in SMALL.items()})
    out = folder / "ours.safetensors"
    convert(ECHOMIMIC_V2, recognise(ECHOMIMIC_V2, [folder], None), config, out, torch.float32, lambda *_: None)
    return Public(tensors, load_model(out, config))


def pixels(name, *shape):
    """Return pixels 0..255."""
    return (127.5 + 64 * draw(name, *shape)).round().clamp(0, 255)


def maps(name, frames, side):
    """Return drawn maps in 0..1, as our model reads them."""
    return (pixels(name, 1, 3, frames, side, side) / 255).transpose(1, 2)


def site_names(model):
    names = {id(module): name for name, module in model.denoiser.named_modules()}
    return [names[id(block.attention(layer))] for block, layer in model.denoiser.sites_in_order()]


def made(public, name, frames, preset, steps):
    """Return what our guidance and our solver make of their windows where their pipeline made `name`."""
    picture = pixels("inputs.reference_picture", 64, 64, 3).movedim(-1, 0)[None] / 127.5 - 1
    audio = draw(f"inputs.{name}.audio", frames, 10, 24)[None]
    pose = maps(f"inputs.{name}.pose_maps", frames, 64)
    first = draw(f"inputs.{name}.noise", 1, 4, frames, 8, 8).transpose(1, 2)
    return sampled(public.model, load_preset(preset).preset.sampling, steps, picture, first, audio, pose)[0]


@torch.inference_mode()
def test_encoder_equals_echomimic_v2(public):
    picture = pixels("inputs.reference_picture", 64, 64, 3).movedim(-1, 0)[None] / 127.5 - 1
    assert error(public.model.autoencoder.encode(picture), public.tensors["reference_latents"]) < LIMIT


def test_names_still_mean_the_recorded_numbers(public):
    assert torch.equal(draw("inputs.check", 8), public.tensors["check"])


def test_pose_encoder_equals_echomimic_v2(public):
    pose = maps("inputs.pose_maps", FRAMES, 128)
    with torch.inference_mode():
        encoded = public.model.denoiser.pose_encoder(pose[0])
    assert error(encoded.transpose(0, 1)[None], public.tensors["pose"]) < LIMIT


def test_reference_net_equals_echomimic_v2(public):
    with torch.inference_mode():
        features = public.model.reference_net(draw("inputs.reference_latents", 1, 4, 16, 16), None, None)
    names = site_names(public.model)
    assert len(names) == 16
    for name, ours in zip(names, features, strict=True):
        assert error(ours, public.tensors[f"features.{name}"]) < LIMIT, name


def test_denoiser_equals_echomimic_v2(public):
    pose = maps("inputs.pose_maps", FRAMES, 128)
    told = window(draw("inputs.audio", 1, FRAMES, 10, 24), pose)
    latents = draw("inputs.noisy_latents", 1, 4, FRAMES, 16, 16).transpose(1, 2)
    scales = load_preset("echomimic-v2").preset.sampling.guidance
    with torch.inference_mode():
        clips = guidance.clip_contexts(public.model, person(draw("inputs.reference_latents", 1, 4, 16, 16)), scales)
        heard, nobody = guidance.branches(public.model, clips, told, scales)
        assert (heard.weight, nobody.weight) == (2.5, -1.5)
        rows = [
            public.model.denoiser(latents, torch.tensor([666.0]), branch.clip, branch.window).sample
            for branch in (nobody, heard)
        ]
    assert error(torch.cat(rows).transpose(1, 2), public.tensors["prediction"]) < LIMIT


@pytest.mark.parametrize(
    ("name", "frames", "preset", "steps"),
    [
        # One window, whose frames still take turns at its ends.
        ("loop_6", 6, "echomimic-v2", 3),
        # Three windows, round the end of the clip.
        ("loop_20", 20, "echomimic-v2", 3),
        ("loop_acc", 6, "echomimic-v2-fast", 2),
    ],
)
def test_sampling_equals_echomimic_v2(public, name, frames, preset, steps):
    latents = made(public, name, frames, preset, steps)
    assert error(latents.transpose(0, 1)[None], public.tensors[f"{name}.final_latents"]) < LIMIT


def test_decoder_equals_echomimic_v2(public):
    last = public.tensors["loop_6.final_latents"][:, :, -1]
    with torch.inference_mode():
        made = public.model.autoencoder.decode(last)
    assert error(made, public.tensors["loop_6.last_frame"]) < LIMIT
