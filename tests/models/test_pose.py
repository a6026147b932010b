import numpy as np
import pytest
import torch
from torch.nn import functional

from cyberhost_cli.models.pose import PoseEncoder
from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.preprocess.gestures import poses


@pytest.mark.parametrize("channels", [(8, 16, 32), (16, 32, 96, 256)], ids=["demo", "cyberhost"])
def test_thin_lines_reach_the_last_layer_of_a_new_encoder(channels):
    """It starts at zero, so all that it can learn from is what the layers before leave of the lines."""
    person = poses.load().stance * np.float32([25, 25, 1]) + np.float32([64, 40, 0])
    drawn = torch.from_numpy(skeleton.draw_hands_on(np.zeros((128, 128, 3), np.uint8), person[None]))
    lines = drawn.movedim(-1, 1) / 255
    torch.manual_seed(0)
    encoder = PoseEncoder(channels, 4)
    assert not encoder(lines).any()
    reached = features(encoder, lines) - features(encoder, torch.zeros_like(lines))
    assert 0.3 < reached.std() / lines.std() < 10


def features(encoder, drawn):
    """Return what the last layer reads."""
    hidden = functional.silu(encoder.conv_in(drawn))
    for block in encoder.blocks:
        hidden = functional.silu(block(hidden))
    return hidden
