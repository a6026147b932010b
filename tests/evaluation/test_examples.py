import pytest
import torch

from cyberhost_cli.errors import InputError
from cyberhost_cli.evaluation import examples, nets


def dots(*places):
    """Black pictures with a white dot each, and points of which the first is at the dot."""
    pictures, points = torch.full((len(places), 3, 256, 256), -1.0), torch.zeros(len(places), len(nets.POINTS), 3)
    for row, (x, y) in enumerate(places):
        pictures[row, :, y - 2 : y + 2, x - 2 : x + 2] = 1
        points[row, 0] = torch.tensor([x, y, 1.0])
    return pictures, points


def test_points_go_with_the_picture():
    pictures, points = dots(*[(100 + 8 * step, 150 - 6 * step) for step in range(8)])
    moved, there = examples.move(pictures, points, torch.Generator().manual_seed(0))
    for picture, point, before in zip(moved, there[:, 0], points[:, 0], strict=True):
        y, x = divmod(int((picture[0] == picture[0].max()).flatten().float().argmax()), 256)
        assert (point[:2] - torch.tensor([x, y])).norm() < 4
        assert (point[:2] - before[:2]).norm() > 1


def test_what_leaves_the_picture_is_not_to_be_found():
    pictures, points = dots(*[(4, 4)] * 16)
    _, there = examples.move(pictures, points, torch.Generator().manual_seed(0))
    found = there[:, 0, 2] > 0
    assert 0 < found.sum() < 16
    assert ((there[found, 0, :2] > 0) & (there[found, 0, :2] < 256)).all()


def test_mirrored_people_have_their_sides_swapped():
    pictures, points = dots(*[(128, 128)] * 16)
    left, right = (nets.POINTS.index(point) for point in nets.SHOULDERS)
    points[:, left], points[:, right] = torch.tensor([190.0, 128, 1]), torch.tensor([66.0, 128, 1])
    _, there = examples.move(pictures, points, torch.Generator().manual_seed(0))
    # Whatever was done, the left shoulder is on the right of the picture.
    assert (there[:, left, 0] > there[:, right, 0]).all()


def test_melted_hands_are_not_to_be_found(folder):
    known = examples.open_examples(folder, 2, 8)
    pictures = known.pictures.float() / 127.5 - 1
    melted, points = examples.melt(pictures, known.points, torch.Generator().manual_seed(0))
    gone = (points[..., 2] == 0) & (known.points[..., 2] > 0)
    changed = (melted != pictures).flatten(1).any(1)
    assert torch.equal(gone.any(1), changed)
    assert 0 < changed.sum() < len(changed)
    assert not gone[:, :10].any()


def test_maps_show_where_the_points_are():
    points = torch.zeros(1, len(nets.POINTS), 3)
    points[0, :, :2] = 20 + 200 * torch.rand(len(nets.POINTS), 2, generator=torch.Generator().manual_seed(0))
    points[0, ::2, 2] = 1
    drawn = examples.heatmaps(points)
    found = nets.find((drawn.clamp(1e-4, 1 - 1e-4)).logit())
    assert (found[0, ::2, :2] - points[0, ::2, :2]).abs().max() < 0.5
    assert (found[0, ::2, 2] > 0.8).all()
    assert (found[0, 1::2, 2] < 0.01).all()


def test_a_folder_without_clips(tmp_path):
    with pytest.raises(InputError, match="no clips in"):
        examples.open_examples(tmp_path, 2, 2)
