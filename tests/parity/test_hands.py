from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from cyberhost_cli.media.pose_folder import is_pose_folder, read_pose_folder
from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND

SIDE = 768


@pytest.fixture(scope="module")
def recorded():
    """Return two files that EchoMimicV2 comes with, and what its own code makes of them."""
    return load_file(Path(__file__).with_name("hands.safetensors"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, recorded):
    path = tmp_path_factory.mktemp("poses")
    for number in range(2):
        (path / f"{number}.npy").write_bytes(recorded[f"{number}.file"].tobytes())
    return path


def moved(track, recorded):
    """Return poses where they were drawn: the second one partly beyond the left edge."""
    aside = np.stack([recorded["0.moved"], recorded["1.moved"]]) * np.float32(SIDE)
    return np.concatenate([track[:, :, :1] + aside[:, None], track[:, :, 1:]], axis=2)


def test_its_own_files_are_read(folder, recorded):
    assert is_pose_folder(folder)
    poses = read_pose_folder(folder)
    assert (poses.fps, poses.width, poses.height, len(poses.keypoints)) == (24.0, SIDE, SIDE, 2)
    for number, keypoints in enumerate(moved(poses.keypoints, recorded)):
        left, right = recorded[f"{number}.hands"]
        np.testing.assert_allclose(keypoints[LEFT_HAND, :2], left, atol=1e-3)
        np.testing.assert_allclose(keypoints[RIGHT_HAND, :2], right, atol=1e-3)
        # DWPose finds wrists twice, as ends of the arms and of the hands.
        apart = np.linalg.norm(keypoints[[9, 10], :2] - keypoints[[LEFT_HAND.start, RIGHT_HAND.start], :2], axis=1)
        assert apart.max() < 25


def test_hands_alone_are_drawn_as_it_draws_them(folder, recorded):
    keypoints = moved(read_pose_folder(folder).keypoints, recorded)
    assert (keypoints[1, LEFT_HAND.start :, 0] < 0).any()
    drawn = skeleton.draw_hands(keypoints, SIDE, SIDE)
    for number, ours in enumerate(drawn.astype(int)):
        theirs = np.zeros((SIDE * SIDE, 3), dtype=np.uint8)
        theirs[recorded[f"{number}.where"]] = recorded[f"{number}.colours"]
        theirs = theirs.reshape(SIDE, SIDE, 3)
        assert np.abs(ours - theirs).mean() < 0.25
        assert ours.sum() == pytest.approx(theirs.sum(), rel=0.03)
        seen = [picture.max(axis=2) > 40 for picture in (ours, theirs)]
        assert (seen[0] & seen[1]).sum() > 0.85 * (seen[0] | seen[1]).sum()
        # Within the lines, where edges play no part, colours are the same.
        inside = cv2.erode(seen[1].astype(np.uint8), np.ones((5, 5))) > 0
        assert np.median(np.abs(ours - theirs)[inside], axis=0).max() <= 3
