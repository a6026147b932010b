from dataclasses import replace

import numpy as np
import pytest

from cyberhost_cli.synth import arms, keypoints
from cyberhost_cli.synth.camera import frame_face
from cyberhost_cli.synth.figure import Figure
from cyberhost_cli.synth.gestures import BELOW
from cyberhost_cli.synth.render import Renderer
from cyberhost_cli.types import FACE, LEFT_HAND

FRAMES = 3


@pytest.fixture(scope="module")
def waving(person):
    """An actor whose left hand crosses the chest in three frames, and what the camera is asked for."""
    wrists = np.linspace((0.05, 0.42, -0.35), (-0.02, 0.42, -0.25), FRAMES)
    hand = arms.Reach(
        wrist=wrists,
        elbow=np.tile(BELOW, (FRAMES, 1)),
        twist=np.full(FRAMES, -0.9),
        bend=np.zeros(FRAMES),
        curl=np.full((FRAMES, 5), 0.2),
    )
    rotations = arms.reach(person.body, person.posed.joints[0], "L", hand)
    posed = person.body.pose(person.actor.phenotype, rotations, {})
    figure = Figure(person.body, person.actor, 512)
    return figure, figure.surface(posed), keypoints.places(person.body, posed)


def take(waving, **exposure):
    figure, surface, points = waving
    camera = replace(frame_face(points[0, FACE], 128, None), **exposure)
    frames, distances = Renderer(figure, surface, camera, 2).film(points)
    return frames, distances, camera


def sharpness(frames, points, camera):
    """Return the deviation of the Laplacian around the left hand in the middle frame."""
    pixels = camera.project(points[1, LEFT_HAND]).astype(int)
    left, top, right, bottom = *pixels.min(axis=0), *pixels.max(axis=0)
    grey = frames[1, top:bottom, left:right].mean(axis=2)
    middle, aside = grey[1:-1, 1:-1], grey[1:-1, :-2] + grey[1:-1, 2:] + grey[:-2, 1:-1] + grey[2:, 1:-1]
    return (aside - 4 * middle).std()


def test_the_same_input_gives_the_same_bytes(waving):
    first, again = (take(waving, shutter=0.5, softness=0.4)[0] for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_long_exposures_blur_what_moves(waving):
    levels = [sharpness(take(waving, shutter=shutter)[0], waving[2], take(waving)[2]) for shutter in (0.0, 0.3, 0.6)]
    assert levels[0] > 1.05 * levels[1] > 1.1 * levels[2]


def test_long_exposures_do_not_move_things(waving):
    sharp, blurred = (take(waving, shutter=shutter) for shutter in (0.0, 0.6))
    assert np.array_equal(sharp[1], blurred[1])
    head = slice(0, 60)
    assert np.abs(sharp[0][:, head].astype(int) - blurred[0][:, head]).max() <= 8


def test_soft_lenses_blur_everything_and_keep_its_brightness(waving):
    (sharp, _, camera), (soft, _, _) = (take(waving, softness=softness) for softness in (0.0, 0.8))
    assert sharpness(soft, waving[2], camera) < 0.5 * sharpness(sharp, waving[2], camera)
    assert abs(soft.mean() - sharp.mean()) < 0.3


def test_distances_end_at_the_surface_or_nowhere(waving):
    figure, surface, points = waving
    camera = frame_face(points[0, FACE], 64, None)
    nose, beside = surface[0, 537], camera.place + np.array([3.0, 1.0, 0.0])
    targets = np.tile(np.stack([nose, beside]).astype(np.float32), (FRAMES, 1, 1))
    _, found = Renderer(figure, surface, camera, 1).film(targets)
    assert found[0, 0] == pytest.approx(np.linalg.norm(nose - camera.place), abs=0.01)
    assert np.isinf(found[:, 1]).all()


def test_cameras_differ_and_keep_the_head_in_the_picture(person):
    face = keypoints.face_points(person.posed.vertices[0])
    cameras = [frame_face(face, 256, np.random.default_rng(seed)) for seed in range(200)]
    heights = np.array([256 / np.ptp(camera.project(face)[:, 1]) for camera in cameras])
    assert heights.min() >= 3.3
    assert heights.max() <= 4.6
    assert heights.mean() == pytest.approx(4.0, abs=0.1)
    top = person.posed.vertices[0, np.unique(person.body.faces)][:, 2].max() + 0.012
    crown = np.array([camera.project(np.array([face[0, 0], -0.05, top], np.float32))[1] for camera in cameras])
    assert (crown > 0).mean() > 0.95
    shutters, softness = ([getattr(camera, name) for camera in cameras] for name in ("shutter", "softness"))
    assert np.mean(np.array(shutters) == 0) == pytest.approx(0.5, abs=0.1)
    assert max(shutters) <= 0.6
    assert 0.6 < max(softness) <= 0.9
    assert np.median(softness) < 0.15
