from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from cyberhost_cli.synth import actor as actors
from cyberhost_cli.synth import keypoints, paint
from cyberhost_cli.synth.actor import Garment, HairShape, Pattern, Scenery, random_actor
from cyberhost_cli.synth.backdrop import backdrop
from cyberhost_cli.synth.beard import beard
from cyberhost_cli.synth.camera import frame_face
from cyberhost_cli.synth.canvas import canvas
from cyberhost_cli.synth.figure import Figure
from cyberhost_cli.synth.render import Renderer

TEXTURE = 128


@pytest.fixture(scope="module")
def crowd():
    return [random_actor(seed) for seed in range(150)]


def test_actors_differ_in_all_they_can(crowd):
    assert {actor.hair.shape for actor in crowd} == set(get_args(HairShape))
    assert {actor.clothes.garment for actor in crowd} == set(get_args(Garment))
    assert {actor.clothes.pattern for actor in crowd} == set(get_args(Pattern))
    assert {actor.place.scenery for actor in crowd} == set(get_args(Scenery))
    assert {actor.hair.beard for actor in crowd} == set(get_args(actors.BeardShape))
    brightness = np.sort([actor.complexion.skin.mean() for actor in crowd])
    assert brightness[0] < 0.35
    assert brightness[-1] > 0.75
    assert np.diff(brightness).max() < 0.05
    assert np.ptp([actor.phenotype["age"] for actor in crowd]) > 0.3


def test_one_seed_makes_one_person():
    assert repr(random_actor(5)) == repr(random_actor(5))


def test_hands_stand_out_from_clothes(crowd):
    for actor in crowd:
        for colour in (actor.clothes.colour, actor.clothes.second):
            assert np.abs(colour - actor.complexion.skin).max() > 0.25


@pytest.mark.parametrize("garment", get_args(Garment))
def test_clothes_cover_the_chest_and_leave_face_and_hands(person, garment):
    dressed = replace(person.actor, clothes=replace(person.actor.clothes, garment=garment, pattern="plain"))
    other = replace(dressed, clothes=replace(dressed.clothes, colour=dressed.clothes.colour * 0.5))
    rest = person.body.rest(person.actor.phenotype)
    first, second = (paint.paint(person.body, actor, rest, TEXTURE).reshape(-1, 4) for actor in (dressed, other))
    surface = canvas(person.body, TEXTURE)
    changed = (first != second).any(axis=1)[surface.texels]
    x, y, z = surface.places[surface.trunk].T
    shoulders = (np.abs(np.abs(x) - 0.12) < 0.02) & (y < 0) & (np.abs(z - 0.42) < 0.03)
    assert changed[surface.trunk][shoulders].all()
    assert not changed[surface.head].any()
    assert not changed[surface.hands].any()


@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_patterns_show_both_colours_or_one(person, pattern):
    clothes = replace(person.actor.clothes, garment="jumper", pattern=pattern, second=person.actor.clothes.colour + 0.3)
    rest = person.body.rest(person.actor.phenotype)
    plain, painted = (
        paint.paint(person.body, replace(person.actor, clothes=each), rest, TEXTURE)
        for each in (replace(clothes, pattern="plain"), clothes)
    )
    changed = (np.abs(plain - painted).max(axis=2) > 0.1).sum() / len(canvas(person.body, TEXTURE).trunk)
    assert changed == 0 if pattern == "plain" else 0.002 < changed < 0.9


@pytest.mark.parametrize("shape", get_args(HairShape))
def test_hair_hides_neither_eyes_nor_nose_nor_mouth(person, shape):
    actor = replace(person.actor, hair=replace(person.actor.hair, shape=shape, volume=1.25))
    points = keypoints.face_points(person.posed.vertices[0])
    camera = frame_face(points, 64, None)
    figure = Figure(person.body, actor, TEXTURE)
    _, found = Renderer(figure, figure.surface(person.posed), camera, 1).film(points[None, 27:])
    assert (found[0] > np.linalg.norm(points[27:] - camera.place, axis=1) - 0.01).all()


@pytest.mark.parametrize("shape", get_args(actors.GlassesShape))
def test_glasses_lie_around_the_eyes(person, shape):
    bare, worn = (Figure(person.body, replace(person.actor, glasses=each), TEXTURE) for each in (None, shape))
    points = keypoints.face_points(person.posed.vertices[0])
    camera = frame_face(points, 256, None)
    shown = (Renderer(figure, figure.surface(person.posed), camera, 1).film(points[None]) for figure in (bare, worn))
    (without, before), (with_them, after) = shown
    changed = np.argwhere((without != with_them).any(axis=3)[0])[:, ::-1]
    eyes = camera.project(points[36:48])
    assert (changed.min(axis=0) < eyes.min(axis=0)).all()
    assert (changed.max(axis=0) > eyes.max(axis=0)).all()
    assert np.array_equal(before[:, 36:48], after[:, 36:48])


def test_hair_stands_over_the_head(person):
    heights = {}
    for shape in ("bald", "buzz", "short", "afro"):
        actor = replace(person.actor, hair=replace(person.actor.hair, shape=shape, volume=1.0))
        heights[shape] = Figure(person.body, actor, TEXTURE).surface(person.posed)[0, :, 2].max()
    assert heights["bald"] < heights["buzz"] < heights["short"] < heights["afro"]


@pytest.mark.parametrize("shape", ["stubble", "moustache", "goatee", "full"])
def test_beards_leave_lips_and_brows(person, shape):
    surface = canvas(person.body, TEXTURE)
    hair = replace(person.actor.hair, beard=shape)
    rest = person.body.rest(person.actor.phenotype)
    shaved, bearded = (
        paint.paint(person.body, replace(person.actor, hair=replace(hair, beard=each)), rest, TEXTURE).reshape(-1, 4)
        for each in ("none", shape)
    )
    changed = np.abs(shaved - bearded).max(axis=1)[surface.texels[surface.head]]
    covered = beard(hair, surface.places[surface.head])
    assert changed[surface.lips > 0.9].max() < 0.06
    assert changed[surface.places[surface.head, 2] > 0.72].max() == 0
    assert changed[(covered > 0.2) & (surface.lips == 0)].min() > 0


@pytest.mark.parametrize("scenery", get_args(Scenery))
def test_places_fill_the_picture(person, scenery):
    place = replace(person.actor.place, scenery=scenery)
    picture, again, other = backdrop(place, 64), backdrop(place, 64), backdrop(replace(place, seed=1), 64)
    assert picture.shape == (64, 64, 3)
    assert (picture == again).all()
    assert (picture != other).any()
    assert picture.std() > 0.01
