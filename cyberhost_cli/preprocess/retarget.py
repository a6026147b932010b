"""Poses of a driving video, put onto the reference's body."""

import numpy as np
from jaxtyping import Complex128, Float32

from cyberhost_cli.errors import InputError
from cyberhost_cli.preprocess import bones, head
from cyberhost_cli.preprocess.bones import NECK, Poses
from cyberhost_cli.types import FEET, KEYPOINTS, LEFT_HAND, RIGHT_HAND, Keypoints, KeypointTrack

# fmt: off
PARENTS = {
    5: NECK, 6: NECK, 7: 5, 8: 6, 9: 7, 10: 8, 11: NECK, 12: NECK, 13: 11, 14: 12, 15: 13, 16: 14,
    **dict.fromkeys(range(FEET.start, FEET.start + 3), 15), **dict.fromkeys(range(FEET.start + 3, FEET.stop), 16),
    LEFT_HAND.start: 9, **dict.fromkeys(range(LEFT_HAND.start + 1, LEFT_HAND.stop), LEFT_HAND.start),
    RIGHT_HAND.start: 10, **dict.fromkeys(range(RIGHT_HAND.start + 1, RIGHT_HAND.stop), RIGHT_HAND.start),
}
# fmt: on
"""What each point hangs on, parents first; the head is not among them, and a hand is one piece on its wrist."""
Places = Complex128[np.ndarray, "f 134"]

LIMBS = range(5, 11)
"""Shoulders, elbows and wrists: what poses are compared by, beside the hands."""


def fit(track: KeypointTrack, reference: Keypoints) -> KeypointTrack:
    """Put a driver's poses onto the reference's body: its size, its proportions, its place.

    Limbs point where the driver's do and are as long as the reference's; where the driver's are foreshortened so are
    they. Hands have the reference's size; the head is `head.place`'s. The frame in which driver and reference are most
    alike is where both stand in the same place. What the reference does not show has the driver's proportions. Points
    that are not known in the driver's frame are not known in the result.

    Raises:
        InputError: driver or reference show neither shoulders nor face, or no part of the body in common.
    """
    driver, person = bones.read(track), bones.read(reference[None])
    scale = bones.body_scale(driver, person)
    places = _standing(driver, person, scale)
    places += scale * (driver.neck - driver.neck[_rest(places, driver, person)])[:, None]
    return _as_track(places, track)


def fit_hands(track: KeypointTrack, reference: Keypoints) -> KeypointTrack:
    """Put a driver's hands where they are to the reference's shoulders, which rest; nothing else is known.

    Raises:
        InputError: as `fit`.
    """
    driver, person = bones.read(track), bones.read(reference[None])
    fitted = _as_track(_standing(driver, person, bones.body_scale(driver, person)), track)
    fitted[:, : LEFT_HAND.start] = 0
    return fitted


def resample(track: KeypointTrack, from_fps: float, to_fps: int, frames: int) -> Float32[np.ndarray, "{frames} 133 3"]:
    """Return so many frames of a track at another rate: cut off, or played back and forth where it is too short.

    Between two frames points move in a straight line; one that is not known in both of them is not known.
    """
    if not len(track):
        raise InputError("the driving video has no frames", "use a video that shows a person")
    last = len(track) - 1
    times = np.arange(frames) * from_fps / to_fps % max(2 * last, 1)
    times = np.clip(last - abs(last - times), 0, last)
    before = np.floor(times).astype(int)
    after, share = np.minimum(before + 1, last), (times - before)[:, None, None]
    between = track[before] * (1 - share) + track[after] * share
    needed = np.where(share > 0, np.minimum(track[before], track[after]), track[before])[:, :, 2]
    between[needed <= 0] = 0
    resampled: np.ndarray = between.astype(np.float32)
    return resampled


def ratios(driver: Poses, person: Poses, scale: float) -> dict[int, float]:
    """Return how much longer than the driver's is what joins each point to its parent; others go by `scale`."""
    found: dict[int, float] = {}
    for kind in (bones.UPPER_ARMS, bones.FOREARMS, bones.TORSO, bones.THIGHS, bones.SHINS):
        ratio = bones.likely(bones.ratio(driver, person, kind), scale)
        found |= {end: ratio for _, end in kind}
    found |= dict.fromkeys(bones.SHOULDERS[0], bones.likely(bones.ratio(driver, person, bones.SHOULDERS), scale))
    palms = [bones.ratio(driver, person, kind) for kind in bones.PALMS]
    seen = [each for each in palms if each is not None]
    # Hands that one of them does not show go by the forearms.
    hand = bones.likely(float(np.median(seen)), scale) if seen else found[PARENTS[LEFT_HAND.start]]
    return found | dict.fromkeys(range(LEFT_HAND.start, RIGHT_HAND.stop), hand)


def _rest(places: Places, driver: Poses, person: Poses) -> int:
    """Return the frame in which arms and hands are most like the reference's; the first where none can be compared."""
    points = [*LIMBS, *range(LEFT_HAND.start, RIGHT_HAND.stop)]
    common = (driver.known & person.known)[:, points]
    count = common.sum(axis=1)
    unlike = (abs(places - person.places)[:, points] * common).sum(axis=1) / np.maximum(count, 1)
    return int(np.where(2 * count >= count.max(), unlike, np.inf).argmin())


def _as_track(places: Places, track: KeypointTrack) -> KeypointTrack:
    """Return places as keypoints, as well known as the driver's."""
    confidence = track[:, :, 2]
    fitted = np.stack([places.real[:, :KEYPOINTS], places.imag[:, :KEYPOINTS], confidence], axis=2).astype(np.float32)
    fitted[confidence <= 0] = 0
    return fitted


def _standing(driver: Poses, person: Poses, scale: float) -> Places:
    """Return the driver's poses on the reference's bones, the neck where the reference has it."""
    # What is not placed otherwise keeps its place to the neck.
    places = person.neck + scale * (driver.places - driver.neck[:, None])
    _place_limbs(places, driver, ratios(driver, person, scale), scale)
    heads, placed = head.place(driver, person, scale)
    places[:, head.HEAD] = np.where(placed, heads, places[:, head.HEAD])
    return places


def _place_limbs(places: Places, driver: Poses, longer: dict[int, float], scale: float) -> None:
    """Hang every point on its parent, or on the nearest one before it that the driver ever shows."""
    lines = {NECK: driver.neck}
    for point, nearest in PARENTS.items():
        line = bones.through_time(driver, point)
        if line is not None:
            parent, ratio = nearest, longer.get(point, scale)
            while parent not in lines:
                parent, ratio = PARENTS[parent], scale
            places[:, point] = places[:, parent] + ratio * (line - lines[parent])
            lines[point] = line
