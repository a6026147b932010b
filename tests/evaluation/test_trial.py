import numpy as np
import pytest

from cyberhost_cli.evaluation import trial
from cyberhost_cli.evaluation.readers import Reading
from cyberhost_cli.evaluation.trial import Trial
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND, ClipTruth


def read(truth, sure):
    """What a reader says that sees the mouth a little too wide open and each point two pixels too far to the right."""
    track = truth.keypoints.copy()
    track[:, LEFT_HAND.start :, 0] += 2
    track[:, LEFT_HAND, 2] = sure[:, None]
    track[:, RIGHT_HAND, 2] = 0.9
    return Trial(truth, Reading(track, 1.1 * truth.mouth, 0.5))


def test_the_threshold_loses_one_hand_of_a_hundred(truth):
    names = ("keypoints", "mouth", "faces", "hands")
    many = {**vars(truth), **{name: np.repeat(getattr(truth, name), 8, axis=0) for name in names}}
    sure = np.linspace(0.2, 0.9, 200).astype(np.float32)
    threshold = trial.choose_threshold([read(ClipTruth(**many), sure)])
    assert np.mean(np.append(sure, [0.9] * 200) < threshold) == pytest.approx(0.01, abs=0.003)
    assert trial.choose_threshold([read(truth, np.full(25, 0.8, np.float32))]) == 0.5


def test_what_is_told(truth):
    told = "\n".join(trial.tell([read(truth, np.full(25, 0.8, np.float32))], 0.5))
    assert "correlation 1.000 over all frames" in told
    assert "lost 0.0000 of 50, made up none of 0" in told
    assert "points 2.00 pixels off" in told
