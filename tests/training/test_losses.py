import pytest
import torch

from cyberhost_cli.models.region import RegionOutput
from cyberhost_cli.training.losses import diffusion_loss, heatmap_loss, mask_loss


def test_diffusion_loss_weighs_regions():
    predicted, target = torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 1, 2, 2, 2)
    masks = torch.zeros(1, 1, 2, 2, 2)
    masks[0, 0, 0, 0, 0] = 1.0
    masks[0, 0, 1, 1] = 0.5
    # Errors are all one: the mean is 1 + (4 * 1 + 2 * (0.5 + 0.5)) / 4 cells.
    assert diffusion_loss(predicted, target, masks, (4.0, 2.0)).item() == pytest.approx(2.5)
    assert diffusion_loss(predicted, predicted, masks, (4.0, 2.0)).item() == 0


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
