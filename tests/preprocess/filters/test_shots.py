import numpy as np
import pytest
import skimage.data
from PIL import Image

from cyberhost_cli.preprocess.filters import shots
from cyberhost_cli.preprocess.filters.shots import Glimpses, Shot

SIDE = 96


def view(picture, frames, across=0.0, larger=1.0):
    """Return frames of a real picture, seen by a camera that moves by `across` pixels a frame and trembles."""
    random = np.random.default_rng(frames)
    image, side = Image.fromarray(picture), 200 / larger
    views = []
    for number in range(frames):
        left, top = 40 + across * number + (200 - side) / 2, 20 + (200 - side) / 2 + np.sin(number / 3)
        pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side)))
        views.append(np.clip(pixels + random.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8))
    return views


def found(frames, limits):
    thumbnails, colours = zip(*map(shots.glimpse, frames), strict=True)
    return [(shot.start, shot.stop) for shot in shots.find(Glimpses(np.stack(thumbnails), np.stack(colours)), limits)]


ASTRONAUT, CAT, COFFEE = skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee()


def test_cuts_between_pictures_are_found(limits):
    film = [*view(ASTRONAUT, 30), *view(CAT, 7), *view(COFFEE, 40, 1.0), *view(ASTRONAUT, 30, 1.0)]
    assert found(film, limits) == [(0, 30), (30, 37), (37, 77), (77, 107)]


def test_a_cut_to_a_larger_view_of_the_same_is_found(limits):
    assert found([*view(ASTRONAUT, 30), *view(ASTRONAUT, 30, larger=1.2)], limits) == [(0, 30), (30, 60)]


@pytest.mark.parametrize("across", [0.0, 1.0, 2.0])
def test_a_camera_that_moves_cuts_nothing(limits, across):
    assert found(view(ASTRONAUT, 60, across), limits) == [(0, 60)]


def test_a_fast_gesture_cuts_nothing(limits):
    film = view(ASTRONAUT, 60)
    for number, frame in enumerate(film):
        left = round(48 + 40 * np.sin(number * 2 * np.pi / 12))  # there and back in half a second
        frame[50:74, max(left - 10, 0) : left + 10] = (200, 150, 120)
    assert found(film, limits) == [(0, 60)]


@pytest.mark.parametrize("length", [1, 3])
def test_a_flash_cuts_nothing(limits, length):
    film = view(ASTRONAUT, 60)
    film[20 : 20 + length] = [np.clip(frame.astype(int) + 120, 0, 255).astype(np.uint8) for frame in film[20:][:length]]
    assert found(film, limits) == [(0, 60)]


def test_a_cut_beside_a_flash_is_found(limits):
    film = [*view(ASTRONAUT, 30), *view(CAT, 30)]
    film[26:28] = [np.full_like(film[0], 255)] * 2
    assert found(film, limits) == [(0, 30), (30, 60)]


@pytest.mark.parametrize("length", [12, 25])
def test_frames_of_a_fade_belong_to_no_shot(limits, length):
    one, other = view(ASTRONAUT, 40 + length), view(CAT, 40 + length)
    shares = np.clip((np.arange(80 + length) - 40) / length, 0, 1)[:, None, None, None]
    padded = np.array([*one, *[one[-1]] * 40]) * (1 - shares) + np.array([*[other[0]] * 40, *other]) * shares
    (start, stop), (after, end) = found(list(padded.astype(np.uint8)), limits)
    assert (start, end) == (0, 80 + length)
    assert stop <= 40 + length / 3
    assert after >= 40 + length * 2 / 3


@pytest.mark.parametrize("frames", [1, 2, 33])
def test_short_films_are_one_shot(limits, frames):
    assert found(view(COFFEE, frames), limits) == [(0, frames)]


@pytest.mark.parametrize(("longest", "lengths"), [(100, [90]), (90, [90]), (89, [45, 45]), (40, [30, 30, 30])])
def test_long_shots_are_divided_evenly(longest, lengths):
    parts = shots.split(Shot(10, 100), longest)
    assert [len(part) for part in parts] == lengths
    assert [part.start for part in parts] == [10, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == 100
