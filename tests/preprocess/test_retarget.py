from itertools import pairwise

import numpy as np
import pytest

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import retarget
from cyberhost_cli.types import BODY, FACE, LEFT_HAND, RIGHT_HAND

SHOULDERS, LEFT_ARM, RIGHT_ARM = (5, 6), (5, 7, 9), (6, 8, 10)
EYES = (FACE.start + 36, FACE.start + 45)
MOUTH = slice(FACE.start + 48, FACE.stop)
PALM = (LEFT_HAND.start, LEFT_HAND.start + 9)


@pytest.fixture
def person(figure):
    """Return somebody whose ankles and knees are not seen."""
    return figure


@pytest.fixture
def driver(person):
    """Return a larger somebody elsewhere, with other proportions, who waves, nods and speaks."""
    return acted(built(person, arms=0.88, hands=1.15, head=1.2)) * np.float32([3, 3, 1]) + np.float32([40, 90, 0])


def built(person, arms=1.0, hands=1.0, head=1.0):
    """Return the person with longer arms, hands and head."""
    other = person.copy()
    for part, start in (((7, 9, *range(91, 112)), 5), ((8, 10, *range(112, 133)), 6)):
        other[list(part), :2] = person[start, :2] + arms * (person[list(part), :2] - person[start, :2])
    for part in (LEFT_HAND, RIGHT_HAND):
        other[part, :2] = other[part.start, :2] + hands * (person[part, :2] - person[part.start, :2])
    points = [*range(5), *range(FACE.start, FACE.stop)]
    other[points, :2] = person[0, :2] + head * (person[points, :2] - person[0, :2])
    return other


def acted(person, frames=9):
    """Return frames of waving arms, a tilting head, an opening mouth and a swaying body; the first is the person."""
    track = np.repeat(person[None], frames, axis=0)
    for index, pose in enumerate(track):
        share = np.sin(index / 3)
        turn(pose, (7, 9, *range(91, 112)), person[5], 0.8 * share)
        turn(pose, (8, 10, *range(112, 133)), person[6], -0.5 * share)
        pose[MOUTH, 1] += abs(share) * 4 * (pose[MOUTH, 1] > pose[MOUTH, 1].mean())
        turn(pose, (*range(5), *range(FACE.start, FACE.stop)), person[5:7].mean(axis=0), 0.2 * share)
        pose[:, 0] += 5 * share
    return track


def turn(pose, points, about, angle):
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    pose[list(points), :2] = (pose[list(points), :2] - about[:2]) @ rotation + about[:2]


def length(poses, one, other):
    return np.linalg.norm(poses[..., one, :2] - poses[..., other, :2], axis=-1)


def known(track):
    return track[track[..., 2] > 0]


def directions(poses, chain):
    steps = np.diff(poses[..., list(chain), :2], axis=-2)
    return steps / np.linalg.norm(steps, axis=-1, keepdims=True)


def test_a_track_of_the_reference_is_itself(person):
    track = np.repeat(person[None], 4, axis=0)
    np.testing.assert_allclose(known(retarget.fit(track, person)), known(track), atol=1e-4)
    hands = retarget.fit_hands(track, person)
    np.testing.assert_allclose(known(hands), known(track[:, LEFT_HAND.start :]), atol=1e-4)


@pytest.mark.parametrize("index", [0, 4])
def test_a_clip_of_the_person_whose_frame_is_the_reference_is_itself(person, index):
    track = acted(person)
    np.testing.assert_allclose(known(retarget.fit(track, track[index])), known(track), atol=1e-3)


@pytest.mark.parametrize("fit", [retarget.fit, retarget.fit_hands])
def test_size_and_place_of_the_driver_do_not_matter(person, driver, fit):
    moved = driver * np.float32([0.3, 0.3, 1]) + np.float32([500, -70, 0])
    np.testing.assert_allclose(fit(moved, person), fit(driver, person), atol=1e-2)


def test_limbs_are_as_long_as_the_references_and_point_where_the_drivers_do(person, driver):
    fitted = retarget.fit(driver, person)
    for chain in (LEFT_ARM, RIGHT_ARM, SHOULDERS):
        for one, other in pairwise(chain):
            np.testing.assert_allclose(length(fitted, one, other), length(person, one, other), rtol=1e-3)
        np.testing.assert_allclose(directions(fitted, chain), directions(driver, chain), atol=1e-4)
    np.testing.assert_allclose(length(fitted, *PALM), length(person, *PALM), rtol=1e-3)
    np.testing.assert_allclose(length(fitted, *EYES), length(person, *EYES), rtol=1e-3)


def test_a_foreshortened_arm_stays_foreshortened(person, driver):
    driver[2:4, 9, :2] = driver[2:4, 7, :2] + (driver[2:4, 9, :2] - driver[2:4, 7, :2]) / 2
    fitted = length(retarget.fit(driver, person), 7, 9)
    np.testing.assert_allclose(fitted[2:4], length(person, 7, 9) / 2, rtol=1e-3)
    np.testing.assert_allclose(fitted[5:], length(person, 7, 9), rtol=1e-3)


def test_an_arm_that_the_reference_holds_towards_us_is_as_long_as_the_other_one(person, driver):
    held = person.copy()
    held[10, :2] = held[8, :2] + 0.1 * (held[10, :2] - held[8, :2])
    fitted = retarget.fit(driver, held)
    np.testing.assert_allclose(length(fitted, 8, 10), length(person, 7, 9), rtol=0.02)


def test_the_driver_stands_where_the_reference_does_when_alike(person, driver):
    fitted = retarget.fit(driver, person)
    np.testing.assert_allclose(fitted[0, list(SHOULDERS), :2], person[list(SHOULDERS), :2], atol=0.1)
    sway = fitted[:, SHOULDERS, 0].mean(axis=1)
    np.testing.assert_allclose(np.ptp(sway), 5 * np.ptp(np.sin(np.arange(9) / 3)), rtol=0.1)


def test_the_mouth_opens_on_the_references_face(person, driver):
    person[MOUTH, 0] = 64 + 1.5 * (person[MOUTH, 0] - 64)  # a broad mouth
    fitted = retarget.fit(driver, person)
    np.testing.assert_allclose(fitted[0, FACE, :2], person[FACE, :2], atol=0.2)
    lips = (MOUTH.start + 3, MOUTH.start + 9)
    opened, theirs = (length(each, *lips) - length(each[0], *lips) for each in (fitted, driver))
    assert theirs.max() > 5
    np.testing.assert_allclose(opened, theirs / 3 / 1.2, atol=0.3)  # they are three times as large, with a larger head


def test_what_the_driver_does_not_show_stays_unknown(person, driver):
    driver[3, [7, 100, 30], 2] = 0
    driver[5, :, 2] = 0
    driver[:, RIGHT_HAND, 2] = 0
    for fit in (retarget.fit, retarget.fit_hands):
        fitted = fit(driver, person)
        assert np.isfinite(fitted).all()
        seen = driver[:, :, 2].copy()
        if fit is retarget.fit_hands:
            seen[:, : LEFT_HAND.start] = 0
        assert np.array_equal(fitted[:, :, 2], seen)
        assert not fitted[fitted[:, :, 2] == 0].any()


@pytest.mark.parametrize(
    "hidden",
    [range(7, 17), range(5, 7), FACE, range(5), LEFT_HAND, range(91, 133), range(40, 91), [7], [5]],
    ids=str,
)
def test_the_reference_may_lack_points(person, driver, hidden):
    whole = retarget.fit(driver, person)
    person[hidden, 2] = 0
    fitted = retarget.fit(driver, person)
    assert np.isfinite(fitted).all()
    assert np.array_equal(fitted[:, :, 2], driver[:, :, 2])
    apart = np.linalg.norm(fitted - whole, axis=2)[driver[:, :, 2] > 0]
    assert np.median(apart) < 6  # of a person of 128 pixels
    assert apart.max() < 40


def test_a_missing_arm_takes_the_other_ones_length(person, driver):
    whole = retarget.fit(driver, person)
    person[[7, 9, *range(91, 112)], 2] = 0
    np.testing.assert_allclose(length(retarget.fit(driver, person), 7, 9), length(whole, 7, 9), rtol=1e-3)


@pytest.mark.parametrize("hidden", [[9], [7, 9], range(5, 7), range(23, 91), [*range(5), *range(23, 91)]], ids=str)
def test_the_driver_may_lack_points_throughout(person, driver, hidden):
    whole = retarget.fit(driver, person)
    driver[:, hidden, 2] = 0
    fitted = retarget.fit(driver, person)
    assert np.isfinite(fitted).all()
    apart = np.linalg.norm(fitted - whole, axis=2)[driver[:, :, 2] > 0]
    assert np.median(apart) < 15  # of a person of 128 pixels whose shoulders must be guessed from a larger head


def test_shoulders_that_are_not_seen_for_a_moment_do_not_make_the_body_jump(person, driver):
    whole = retarget.fit(driver, person)
    driver[4, 5, 2] = 0
    apart = np.linalg.norm(retarget.fit(driver, person) - whole, axis=2)
    assert apart[driver[:, :, 2] > 0].max() < 3


def test_driven_hands_stay_by_resting_shoulders(person, driver):
    whole, hands = retarget.fit(driver, person), retarget.fit_hands(driver, person)
    assert not hands[:, : LEFT_HAND.start].any()
    neck = whole[:, SHOULDERS, :2].mean(axis=1, keepdims=True) - person[SHOULDERS, :2].mean(axis=0)
    np.testing.assert_allclose(hands[:, 91:, :2], (whole[:, 91:, :2] - neck), atol=1e-3)


def test_nobody_is_an_error(person, driver):
    with pytest.raises(InputError, match="shoulders or face"):
        retarget.fit(np.zeros_like(driver), person)
    person[BODY, 2] = 0
    driver[:, BODY.stop :, 2] = 0
    with pytest.raises(InputError, match="in common"):
        retarget.fit(driver, person)


def test_resampling_goes_in_straight_lines(driver):
    line = np.zeros((5, 133, 3), dtype=np.float32)
    line[:, :, 0], line[:, :, 2] = np.arange(5)[:, None] * 10, 1
    assert retarget.resample(line, 25.0, 50, 6)[:, 0, 0].tolist() == pytest.approx([0, 5, 10, 15, 20, 25])
    assert retarget.resample(line, 50.0, 25, 3)[:, 0, 0].tolist() == [0, 20, 40]
    np.testing.assert_array_equal(known(retarget.resample(driver, 25.0, 25, len(driver))), known(driver))


def test_a_short_track_is_played_back_and_forth_a_long_one_cut(driver):
    for given, rate, frames in (
        (driver[:3], 25.0, [0, 1, 2, 1, 0, 1, 2, 1]),
        (driver, 25.0, range(4)),
        (driver[:1], 30.0, [0] * 3),
    ):
        resampled = retarget.resample(given, rate, 25, len(frames))
        np.testing.assert_array_equal(known(resampled), known(given[list(frames)]))
    with pytest.raises(InputError):
        retarget.resample(driver[:0], 25.0, 25, 3)


def test_a_point_unknown_on_either_side_is_unknown_between(driver):
    driver[1, 7] = 0
    between = retarget.resample(driver, 25.0, 50, 8)
    assert (between[:, 7, 2] > 0).tolist() == [True, False, False, False, True, True, True, True]
    assert (between[:, 5, 2] > 0).all()


def test_hands_that_the_reference_holds_towards_us_are_not_small(person):
    track = acted(person)
    for part in (LEFT_HAND, RIGHT_HAND):
        person[part, :2] = person[part.start, :2] + 0.5 * (person[part, :2] - person[part.start, :2])
    fitted = retarget.fit_hands(track, person)
    np.testing.assert_allclose(length(fitted, *PALM), length(track, *PALM), rtol=1e-3)
