import numpy as np
import pytest
import soundfile
from scipy.ndimage import gaussian_filter1d

from cyberhost_cli.preprocess.filters import lip_offset
from cyberhost_cli.types import FACE
from tests.pipelines.conftest import LIBRIVOX

FPS, RATE = 25, 16000


@pytest.fixture(scope="module")
def speech():
    """Real speech, twelve seconds of it: sentences of a reader in four orders."""
    samples, rate = soundfile.read(LIBRIVOX, dtype="float32")
    assert rate == RATE
    quarters = np.array_split(samples[: 4 * 3 * RATE // 4], 4)
    random = np.random.default_rng(0)
    return np.concatenate([quarters[place] for _ in range(4) for place in random.permutation(4)])


def lips(speech, seed=0, noise=0.5):
    """Return how a mouth may open to this speech, with as much of its own will as `noise` says."""
    loudness = lip_offset.voice(speech, RATE, round(len(speech) / RATE * FPS))
    will = gaussian_filter1d(np.random.default_rng(seed).normal(size=len(loudness)), 1.5)
    return loudness / loudness.std() + noise * will / will.std()


def test_the_opening_is_told_in_heights_of_the_face(still):
    track = still(5)
    lower = [FACE.start + point for point in (65, 66, 67)]
    upper = [FACE.start + point for point in (61, 62, 63)]
    track[:, upper, 1], track[:, lower, 1] = 48, 48 + np.arange(5)[:, None]
    track[2, FACE, 2] = 0
    track[2, lower, 1] = 99
    height = np.ptp(track[0, FACE, 1])
    assert lip_offset.mouth_opening(track) == pytest.approx(np.arange(5) / height)


def test_a_mouth_that_is_never_seen_rests(still):
    track = still(4)
    track[:, :, 2] = 0
    assert not lip_offset.mouth_opening(track).any()


def test_loudness_is_heard_where_voices_are():
    times = np.arange(RATE) / RATE
    loud = {
        hertz: lip_offset.voice(np.sin(2 * np.pi * hertz * times).astype(np.float32), RATE, 25)
        for hertz in (100, 1000, 6000)
    }
    assert loud[1000][2:-2] == pytest.approx(loud[1000][12], rel=0.02)
    assert (loud[100] < 0.1 * loud[1000]).all()
    assert (loud[6000] < 0.1 * loud[1000]).all()


@pytest.mark.parametrize("lag", [-12, -5, 0, 3, 8])
def test_the_lag_is_found(speech, lag, limits):
    loudness = lip_offset.voice(np.roll(speech, lag * RATE // FPS), RATE, 300)
    offset = lip_offset.measure(lips(speech), loudness)
    assert offset.frames == lag
    fault = lip_offset.check(offset, limits)
    assert (None if fault is None else fault.reason) == ("offset" if abs(lag) > 5 else None)


def test_the_clearness_does_not_depend_on_the_length_where_there_is_nothing(speech):
    """Lips of their own will: whatever the length, the best of all lags is as far out as chance puts it."""
    for frames in (75, 150, 300):
        found = []
        for seed in range(20):
            opening = lips(speech, seed, noise=1e6)[:frames]
            found.append(lip_offset.measure(opening, lip_offset.voice(speech, RATE, 300)[:frames]).clearness)
        assert 1 < np.median(found) < 2.6


@pytest.mark.parametrize("still_part", ["lips", "sound", "both"])
def test_what_rests_goes_together_with_nothing(speech, still_part, limits):
    opening, loudness = lips(speech), lip_offset.voice(speech, RATE, 300)
    if still_part != "sound":
        opening = np.zeros(300)
    if still_part != "lips":
        loudness = lip_offset.voice(np.zeros(12 * RATE, np.float32), RATE, 300)
    offset = lip_offset.measure(opening, loudness)
    assert (offset.correlation, offset.clearness) == (0, 0)
    assert lip_offset.check(offset, limits).reason == "lips"
