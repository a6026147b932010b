import numpy as np
import pytest
import torch

from cyberhost_cli.training.batch import sample_batch
from cyberhost_cli.training.dataset import open_clips


@pytest.fixture(scope="module")
def clips(clips_folder, preset):
    return open_clips(clips_folder, preset)


@pytest.fixture(scope="module")
def places(clips):
    """Latents that say where they lie: row and column in the first two channels."""
    rows, columns = np.meshgrid(np.arange(16), np.arange(16), indexing="ij")
    grid = np.stack([rows, columns]).astype(np.float16)
    return [np.repeat(grid[None], len(clip), axis=0) for clip in clips]


def batch(clips, places, preset, **changes):
    training = preset.training.model_copy(update={"face_crop": 32, **changes})
    return sample_batch(clips, places, training, 2, ("movement",), torch.Generator().manual_seed(3))


def test_all_that_lies_in_the_picture_is_cut_alike(clips, places, preset):
    made = batch(clips, places, preset)
    assert made.latents.shape[-2:] == made.masks.shape[-2:] == (8, 8)
    assert made.pose.shape[-2:] == made.skeleton.shape[-2:] == (32, 32)
    for row in range(len(made.latents)):
        corner = made.latents[row, 0, :, 0, 0]
        assert torch.equal(made.reference[row, :, 0, 0], corner)
        assert torch.equal(made.motion[row, 0, :, 0, 0], corner)


def test_the_face_lies_in_the_crop(clips, places, preset):
    made = batch(clips, places, preset)
    face = made.keypoints[:, :, 23:91]
    assert (face[..., 2] > 0).float().mean() > 0.8
    assert (face[..., :2] >= 0).all()
    assert (face[..., :2] < 32).all()
    # The mouth's mask still lies where the mouth's points are.
    mouth = made.keypoints[0, 0, 71:91]
    x, y = (mouth[mouth[:, 2] > 0][:, :2].mean(0) / 4).long().tolist()
    assert made.masks[0, 0, 2, y, x] > 0.3


def test_without_a_crop_nothing_is_cut(clips, places, preset):
    assert batch(clips, places, preset, face_crop=None).latents.shape[-2:] == (16, 16)
