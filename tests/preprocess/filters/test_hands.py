import pytest

from cyberhost_cli.preprocess.filters import hands
from cyberhost_cli.types import LEFT_HAND, RIGHT_HAND


def test_one_hand_is_enough(still):
    track = still(10)
    assert hands.shown(track) == 1
    track[:, LEFT_HAND, 2] = 0
    assert hands.shown(track) == 1
    track[:4, RIGHT_HAND, 2] = 0
    assert hands.shown(track) == pytest.approx(0.6)
    track[4:6, RIGHT_HAND, 2] = 0
    track[4:6, RIGHT_HAND.start : RIGHT_HAND.start + 5, 2] = 1  # too few points to tell where it is
    assert hands.shown(track) == pytest.approx(0.4)


def test_pieces_without_hands_are_kept_where_none_are_wanted(still, limited):
    track = still(10)
    track[1:, LEFT_HAND.start :, 2] = 0
    assert hands.check(track, limited("min_hands=0.1")) is None
    assert hands.check(track, limited("min_hands=0.2")).reason == "no hands"
    track[0, LEFT_HAND.start :, 2] = 0
    assert hands.check(track, limited("min_hands=0")) is None
