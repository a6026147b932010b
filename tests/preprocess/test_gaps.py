import numpy as np

from cyberhost_cli.preprocess.gaps import TRUST, fill


def track_of(known):
    """Return a track whose points all lie on a line in time, and of which point 7 is known where told."""
    frames = np.arange(len(known), dtype=np.float32)
    track = np.ones((len(known), 133, 3), np.float32)
    track[:, :, 0], track[:, :, 1] = frames[:, None], 100 - 2 * frames[:, None]
    track[~np.array(known, bool), 7] = 0
    return track


def test_a_short_gap_is_a_straight_line_of_less_confidence():
    whole = track_of([1] * 6)
    filled = fill(track_of([1, 1, 0, 0, 1, 1]), 25.0, 0.08)
    np.testing.assert_allclose(filled[:, :, :2], whole[:, :, :2], rtol=1e-6)
    np.testing.assert_allclose(filled[:, 7, 2], [1, 1, TRUST, TRUST, 1, 1])
    assert (np.delete(filled, 7, axis=1) == np.delete(whole, 7, axis=1)).all()


def test_a_gap_longer_than_that_stays():
    track = track_of([1, 0, 0, 0, 1, 0, 1])
    filled = fill(track, 25.0, 0.08)
    assert not filled[1:4, 7].any()
    assert filled[5, 7, 0] == 5


def test_both_ends_stay():
    track = track_of([0, 1, 1, 0])
    np.testing.assert_array_equal(fill(track, 25.0, 1.0), track)


def test_what_is_never_known_stays_so():
    track = track_of([0] * 5)
    np.testing.assert_array_equal(fill(track, 25.0, 1.0), track)


def test_the_gap_counts_in_seconds():
    track = track_of([1, 0, 0, 0, 0, 1])
    assert not fill(track, 10.0, 0.3)[1:5, 7].any()
    assert fill(track, 10.0, 0.4)[1:5, 7].all()
    assert fill(track, 5.0, 0.8)[1:5, 7].all()
