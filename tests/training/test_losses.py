import numpy as np
import pytest
import torch

from cyberhost_cli.models.region import RegionOutput
from cyberhost_cli.preprocess import regions
from cyberhost_cli.training.losses import diffusion_loss, hand_heatmaps, heatmap_loss, mask_loss


def test_diffusion_loss_weighs_regions():
    predicted, target = torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2)
    masks = torch.zeros(1, 1, 2, 2, 2)
    masks[0, 0, 0, 0, 0] = 1.0
    masks[0, 0, 1, 1] = 0.5
    alike = torch.ones(1)
    # Errors are all one: the mean is 1 + (4 * 1 + 2 * (0.5 + 0.5)) / 4 cells.
    assert diffusion_loss(predicted, target, masks, torch.tensor([4.0, 2.0]), alike).item() == pytest.approx(2.5)
    assert diffusion_loss(predicted, predicted, masks, torch.tensor([4.0, 2.0]), alike).item() == 0


def test_diffusion_loss_weighs_rows():
    predicted, target, masks = torch.ones(2, 1, 2, 2, 2), torch.zeros(2, 1, 2, 2, 2), torch.zeros(2, 1, 1, 2, 2)
    assert diffusion_loss(predicted, target, masks, torch.ones(1), torch.tensor([0.5, 3.0])).item() == pytest.approx(
        1.75
    )


def test_mask_loss_is_least_at_the_box():
    mask = torch.zeros(1, 2, 4, 4)
    mask[:, :, :2] = 1.0

    def loss(logits):
        return mask_loss([None, RegionOutput(logits, torch.zeros(2, 3, 2, 2))], mask).item()

    right = torch.tensor([[9.0, 9.0], [-9.0, -9.0]]).expand(2, 1, 2, 2)
    assert loss(right) < 1e-3
    assert loss(-right) > 5
    assert loss(torch.zeros(2, 1, 2, 2)) == pytest.approx(0.6931, abs=1e-4)


def test_heatmaps_count_for_the_chosen_rows_alone():
    truth = torch.zeros(2, 1, 3, 4, 4)
    maps = [torch.stack([torch.full((3, 4, 4), 1.0), torch.full((3, 4, 4), 2.0)])]
    assert heatmap_loss(maps, truth, torch.tensor([True, False])).item() == pytest.approx(0.5)
    assert heatmap_loss(maps, truth, torch.tensor([False, True])).item() == pytest.approx(2.0)
    assert heatmap_loss(maps, truth, torch.tensor([False, False])).item() == 0


def test_heatmaps_are_drawn_as_in_preprocessing():
    random = np.random.default_rng(0)
    keypoints = np.zeros((6, 133, 3), np.float32)
    keypoints[:, 91:] = random.uniform(-8, 72, (6, 42, 3))
    keypoints[:, 91:, 2] = random.random((6, 42)) < 0.7
    for size, grid in (((64, 64), (8, 8)), ((64, 48), (32, 24))):
        expected = np.stack([regions.hand_heatmaps(frame, size, grid) for frame in keypoints])
        hands = torch.from_numpy(keypoints[:, 91:]).unflatten(0, (2, 3))
        drawn = hand_heatmaps(hands, size, grid).flatten(0, 1)
        torch.testing.assert_close(drawn, torch.from_numpy(expected), atol=1e-6, rtol=1e-5)
