import numpy as np

from cyberhost_cli.synth.actor import random_actor
from cyberhost_cli.synth.portrait import portrait


def skin_in(picture, seed):
    colour = random_actor(seed).complexion.skin
    shares = picture / picture.sum(axis=2, keepdims=True).clip(1)
    return np.abs(shares - colour / colour.sum()).max(axis=2) < 0.03


def test_portraits_show_different_people_with_both_hands_up():
    first, other = (portrait(seed, 96).astype(int) for seed in (4, 5))
    assert np.abs(first - other).mean() > 5
    for picture, seed in ((first, 4), (other, 5)):
        skin = skin_in(picture, seed)
        left, right = skin[60:, :48].sum(), skin[60:, 48:].sum()
        assert min(left, right) > 100
        assert abs(left - right) < 0.4 * max(left, right)
        assert skin[20:40, 40:56].mean() > 0.6
