import numpy as np
import pytest
import torch
from PIL import Image

from cyberhost_cli.evaluation import hands, readers, sync
from cyberhost_cli.evaluation.readers import Readers
from cyberhost_cli.preprocess import regions
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND


def resized(frames, width, height):
    return np.stack([np.asarray(Image.fromarray(frame).resize((width, height))) for frame in frames])


def test_the_mouth_is_read(reading, truth):
    assert sync.correlation(reading.mouth, truth.mouth) >= 0.9
    assert np.abs(reading.mouth - truth.mouth).mean() < 0.02


def test_hands_are_found(reading, truth):
    assert (reading.seen == hands.there(truth.keypoints)).all()
    for part in (LEFT_HAND, RIGHT_HAND):
        known = truth.keypoints[:, part, 2] > 0
        off = np.hypot(*np.moveaxis((reading.keypoints - truth.keypoints)[:, part, :2], -1, 0))
        assert off[known].mean() < 3


def test_a_melted_hand_is_not_sure(frames, reading, truth):
    melted = frames.copy()
    for frame, keypoints in zip(melted, truth.keypoints, strict=True):
        box = regions.hand_boxes(keypoints)[0]
        rows, columns = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
        frame[rows, columns] = frame[rows, columns].mean(axis=(0, 1))
    found = readers.load().read(melted)
    assert found.hand_confidence[:, 0].mean() < 0.5 * reading.hand_confidence[:, 0].mean()
    assert not found.seen[:, 0].any()
    assert found.seen[:, 1].all()
    assert not found.known[:, LEFT_HAND, 2].any()


def test_blur_makes_hands_less_sure(frames, reading):
    sure = [reading.hand_confidence.mean()]
    for side in (64, 32, 16):
        found = readers.load().read(resized(resized(frames, side, side), 128, 128))
        sure.append(found.hand_confidence.mean())
    assert sure[0] > sure[1] > sure[2] > sure[3]


def test_any_size_will_do(frames, reading):
    large = readers.load().read(resized(frames, 300, 300))
    wide = readers.load().read(np.pad(frames, ((0, 0), (0, 0), (0, 32), (0, 0)), mode="edge"))
    for found, scale in ((large, 300 / 128), (wide, 1.0)):
        places = found.keypoints[:, :9, :2] / scale - reading.keypoints[:, :9, :2]
        assert np.median(np.abs(places[:, [0, 1, 2, 5, 6]])) < 2
        assert sync.correlation(found.mouth, reading.mouth) > 0.85


def test_what_is_kept_reads_the_same(frames, reading, tmp_path):
    known = readers.load()
    same = Readers(known.points, known.mouth, known.hand_threshold, torch.device("cpu"))
    readers.keep(tmp_path / "kept.safetensors", same)
    again = readers.open_readers(tmp_path / "kept.safetensors").read(frames)
    assert np.array_equal(again.keypoints, reading.keypoints)
    assert np.array_equal(again.mouth, reading.mouth)
    assert again.hand_threshold == pytest.approx(reading.hand_threshold)
    assert (tmp_path / "kept.safetensors").stat().st_size < 1_500_000
