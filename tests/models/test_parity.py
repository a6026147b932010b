"""The 2D backbone against diffusers' own U-Net, with the same weights."""

import torch
from diffusers import UNet2DConditionModel

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.models.conditions import ClipContext, ClipKeys, Conditions
from cyberhost_cli.models.denoiser import DenoisingUNet
from tests.conftest import TINY

OFF = (
    "model.reference_residual=false",
    "model.motion.enabled=false",
    "model.regions.levels=[false,false]",
    "model.priors.hand_clarity_score=false",
    "model.priors.maps=[]",
    "model.backbone.layers_per_block=2",
)


def test_denoiser_equals_diffusers():
    config = load_preset("demo", [*TINY, *OFF]).preset.model
    torch.manual_seed(0)
    theirs = UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        block_out_channels=(8, 16),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=2,
        attention_head_dim=config.backbone.heads,
        cross_attention_dim=config.audio.width,
        norm_num_groups=4,
    ).eval()
    ours = DenoisingUNet(config).eval()
    ours.load_state_dict(theirs.state_dict())
    latents, audio = torch.randn(1, 3, 4, 8, 8), torch.randn(1, 3, 4, config.audio.width)
    window = ours.window_context(Conditions(audio, None, None, None, None, None), 1)
    clip = ClipContext((ClipKeys(),) * ours.sites, None)
    with torch.no_grad():
        mine = ours(latents, torch.tensor([321.0]), clip, window).sample[0]
        expected = theirs(latents[0], torch.tensor(321.0), audio[0]).sample
    torch.testing.assert_close(mine, expected, atol=1e-5, rtol=1e-4)
