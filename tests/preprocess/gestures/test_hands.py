import tracemalloc

import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess.gestures import hands, poses
from cyberhost_cli.preprocess.speech.prosody import Prosody
from cyberhost_cli.types import FACE, LEFT_HAND, RIGHT_HAND

FPS, FRAMES, REACH = 25, 1500, 30.0
WRISTS = [LEFT_HAND.start, RIGHT_HAND.start]


@pytest.fixture(scope="module")
def prosody():
    random = np.random.default_rng(0)
    return Prosody(np.cumsum(random.uniform(0.15, 0.35, 240)), random.normal(0, 1, 240))


@pytest.fixture
def half_body():
    """Return the actor whose poses they are in a picture of 512 pixels, shoulders 200 apart, hips at the lower edge."""
    keypoints = poses.load().stance.copy()
    keypoints[:, :2] = keypoints[:, :2] * 200 + (256, 220)
    keypoints[(keypoints[:, :2] < 0).any(axis=1) | (keypoints[:, :2] >= 512).any(axis=1), 2] = 0
    return keypoints


def gesture(prosody, person, gestures, size=(512, 512), seed=0):
    return hands.gesture(prosody, person, size, (FRAMES, FPS), gestures, REACH, seed)


def around(track, part):
    return track[:, part, :2] - track[:, part.start, None, :2]


@pytest.mark.parametrize("seed", range(4))
def test_hands_stay_in_the_frame_before_the_body_within_reach(prosody, half_body, gestures, seed):
    track = gesture(prosody, half_body, gestures, seed=seed)
    assert track.shape == (FRAMES, 133, 3)
    assert not track[:, : LEFT_HAND.start].any()
    points = track[:, LEFT_HAND.start :, :2]
    assert ((points > 0) & (points < 512)).all()
    body = hands.measure(half_body)
    assert body.arm == pytest.approx(200 * 1.7, rel=0.1)
    assert np.linalg.norm(track[:, WRISTS, :2] - body.shoulders, axis=2).max() < body.arm
    assert points[:, :, 1].min() > half_body[FACE, 1].max()
    assert np.abs(track[:, WRISTS, 0] - 256).max() < 200
    # The left hand is on our right.
    assert (track[:, LEFT_HAND.start, 0] > track[:, RIGHT_HAND.start, 0]).all()


def test_hands_have_the_persons_size_and_move_no_quicker_than_told(prosody, half_body, gestures):
    track = gesture(prosody, half_body, gestures)
    palms = np.linalg.norm(around(track, LEFT_HAND)[:, [5, 9, 13, 17]], axis=2)
    assert palms.max() == pytest.approx(hands.measure(half_body).palm, rel=0.1)
    speed = np.linalg.norm(np.diff(track[:, WRISTS, :2], axis=0), axis=2) * FPS / hands.measure(half_body).arm
    assert 0.5 < speed.max() < gestures.speed * 1.05
    # Nothing jumps: neither places nor speeds.
    steps = np.diff(track[:, LEFT_HAND.start :, :2], axis=0)
    assert np.abs(steps).max() < 40
    assert np.abs(np.diff(steps, axis=0)).max() < 15


def test_hands_are_quick_before_stressed_syllables(half_body, gestures):
    moments = np.arange(20) * 2.5 + 2
    weak = np.setdiff1d(np.round(np.arange(8, 200) * 0.25, 2), moments)
    times = np.sort(np.concatenate([moments, weak]))
    prosody = Prosody(times, np.where(np.isin(times, moments), 3.0, -1.0))
    sparse = gestures.model_copy(update={"interval": 1.2})
    track = gesture(prosody, half_body, sparse)
    speed = np.linalg.norm(np.diff(track[:, WRISTS, :2], axis=0), axis=2).max(axis=1)
    at = np.interp(moments[:, None] + np.array([-0.15, 0.0]), (np.arange(FRAMES - 1) + 1) / FPS, speed).mean(axis=0)
    assert at[0] > 3 * at[1]


def test_the_lower_the_frame_ends_the_lower_are_the_hands(prosody, half_body, gestures):
    whole, cut, close = (gesture(prosody, half_body, gestures, size=(height, 512)) for height in (512, 380, 330))
    for track, height in ((whole, 512), (cut, 380), (close, 330)):
        low = track[:, LEFT_HAND.start :, 1].max()
        assert low < height
        np.testing.assert_allclose(around(track, LEFT_HAND), around(whole, LEFT_HAND), atol=1e-3)
    assert cut[:, WRISTS, 1].max() < whole[:, WRISTS, 1].max()
    assert close[:, LEFT_HAND.start :, 1].min() > half_body[FACE, 1].max()
    assert np.ptp(close[:, WRISTS, 1]) < np.ptp(cut[:, WRISTS, 1]) < 1.001 * np.ptp(whole[:, WRISTS, 1])


def test_a_frame_without_room_leaves_hands_outside_rather_than_before_the_face(prosody, half_body, gestures):
    track = gesture(prosody, half_body, gestures, size=(240, 512))
    assert track[:, LEFT_HAND.start :, 1].min() > half_body[FACE, 1].max() - 1e-3
    assert track[:, LEFT_HAND.start :, 1].max() > 240


def test_size_and_place_of_the_person_scale_the_hands(prosody, half_body, gestures):
    half = half_body * np.float32([0.5, 0.5, 1])
    track, small = gesture(prosody, half_body, gestures), gesture(prosody, half, gestures, size=(256, 256))
    np.testing.assert_allclose(small[:, 91:, :2] * 2, track[:, 91:, :2], atol=0.05)


@pytest.mark.parametrize("hidden", [range(5, 7), [5], range(7, 133), range(91, 133), FACE, [7, 9]], ids=str)
def test_the_picture_may_show_little(prosody, half_body, gestures, hidden):
    whole = gesture(prosody, half_body, gestures)
    half_body[hidden, 2] = 0
    track = gesture(prosody, half_body, gestures)
    assert np.isfinite(track).all()
    apart = np.linalg.norm(track[:, 91:, :2] - whole[:, 91:, :2], axis=2)
    assert apart.max() < 80  # shoulders are 200 apart


def test_nobody_is_an_error(prosody, half_body, gestures):
    with pytest.raises(InputError, match="shoulders or face"):
        gesture(prosody, np.zeros_like(half_body), gestures)


def test_an_hour_is_no_matter_of_minutes(half_body, gestures):
    random = np.random.default_rng(0)
    hour = Prosody(np.cumsum(random.uniform(0.15, 0.35, 14400)), random.normal(0, 1, 14400))
    track = hands.gesture(hour, half_body, (512, 512), (90000, FPS), gestures, REACH, 0)
    assert ((track[:, 91:, :2] > 0) & (track[:, 91:, :2] < 512)).all()


@pytest.fixture
def raised(half_body):
    """Return somebody who shows the left hand alone, before the chest and larger than the body tells."""
    hand = half_body[LEFT_HAND, :2]
    half_body[LEFT_HAND, :2] = (250, 270) + 1.1 * (hand - hand[0])
    half_body[LEFT_HAND, 2], half_body[RIGHT_HAND, 2] = 1, 0
    return half_body


def test_hands_of_the_picture_move_about_where_it_shows_them(prosody, raised, gestures):
    track = gesture(prosody, raised, gestures.model_copy(update={"place": "picture"}))
    track[:, :, :2] -= (track[:, 5] - raised[5])[:, None, :2]
    before_body = gesture(prosody, raised, gestures)
    assert not track[:, RIGHT_HAND, 2].any()
    places, shown = track[:, LEFT_HAND, :2], raised[LEFT_HAND, :2]
    middles = places.mean(axis=1)
    np.testing.assert_allclose((middles.min(axis=0) + middles.max(axis=0)) / 2, shown.mean(axis=0), atol=0.1)
    way = hands.CALMER * np.ptp(before_body[:, LEFT_HAND.start, :2], axis=0)
    np.testing.assert_allclose(np.ptp(middles, axis=0), way, rtol=0.01)
    assert np.abs(np.diff(places, axis=0)).max() < 40
    # It keeps its shape.
    for one, other in ((0, 5), (8, 20), (4, 12)):
        lengths = np.linalg.norm(places[:, one] - places[:, other], axis=1)
        np.testing.assert_allclose(lengths, np.linalg.norm(shown[one] - shown[other]), rtol=1e-3)


def test_the_body_of_the_picture_sways_with_its_hands(prosody, raised, gestures):
    track = gesture(prosody, raised, gestures.model_copy(update={"place": "picture"}))
    known = [5, 6, *range(FACE.start, FACE.stop), *range(LEFT_HAND.start, LEFT_HAND.stop)]
    assert track[:, known, 2].all()
    assert not np.delete(track[:, :, 2], known, axis=1).any()
    shoulders = track[:, 5:7, :2] - raised[5:7, :2]
    np.testing.assert_allclose(shoulders[:, 0], shoulders[:, 1], atol=1e-3)
    assert 0.9 * REACH < np.ptp(shoulders[:, 0, 0]) <= 1.001 * REACH
    # The head keeps its shape.
    sizes = np.linalg.norm(track[:, FACE.start, :2] - track[:, FACE.start + 16, :2], axis=1)
    np.testing.assert_allclose(
        sizes, np.linalg.norm(np.subtract(*raised[[FACE.start, FACE.start + 16], :2])), rtol=1e-3
    )
    head = track[:, FACE, :2].mean(axis=1) - raised[FACE, :2].mean(axis=0)
    assert 0 < np.abs(head - shoulders[:, 0]).max() < 0.15 * np.ptp(raised[FACE, 1])


def test_a_long_sway_takes_little_beside_the_track_itself(prosody, raised, gestures):
    placed = gestures.model_copy(update={"place": "picture"})
    tracemalloc.start()
    track = hands.gesture(prosody, raised, (512, 512), (15000, FPS), placed, REACH, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4.5 * track.nbytes


def test_points_that_the_picture_does_not_show_stay_away(prosody, raised, gestures):
    raised[LEFT_HAND.start + 3] = 0
    track = gesture(prosody, raised, gestures.model_copy(update={"place": "picture"}))
    assert not track[:, LEFT_HAND.start + 3, 2].any()
    assert (track[:, LEFT_HAND.start + 4, 2] > 0.9).all()


def test_a_picture_without_hands_has_none_that_gesture(prosody, half_body, gestures):
    half_body[LEFT_HAND.start :, 2] = 0
    assert not gesture(prosody, half_body, gestures.model_copy(update={"place": "picture"}))[:, LEFT_HAND.start :].any()
