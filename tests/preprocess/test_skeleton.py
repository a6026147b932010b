import colorsys
import math

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from cyberhost_cli.preprocess import skeleton
from cyberhost_cli.preprocess.mediapipe_pose import MediapipePose
from cyberhost_cli.types import BODY, FACE, LEFT_HAND, RIGHT_HAND

# DWPose's own tables: the place of OpenPose's 18 joints among COCO's 17 and the neck, and its limbs, counted from one.
OPENPOSE = (0, 17, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
# fmt: off
LIMBS = (
    (2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14), (2, 1),
    (1, 15), (15, 17), (1, 16), (16, 18),
)
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255),
    (255, 0, 170), (255, 0, 85),
)
# fmt: on


def reference(keypoints, height, width):
    """Draw as DWPose does, with OpenCV, at sizes that go with the picture's."""
    size = round(max(height, width) / 512)
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    shoulders = keypoints[5:7]
    joints = np.vstack([keypoints[BODY], [*shoulders[:, :2].mean(axis=0), shoulders[:, 2].min()]])[list(OPENPOSE)]
    for limb, colour in zip(LIMBS, COLOURS, strict=False):
        one, other = (joints[joint - 1] for joint in limb)
        if one[2] and other[2]:
            (x, y), (right, down) = (one[:2] + other[:2]) / 2, one[:2] - other[:2]
            axes = (int(math.hypot(right, down) / 2), 4 * size)
            outline = cv2.ellipse2Poly((int(x), int(y)), axes, int(math.degrees(math.atan2(down, right))), 0, 360, 1)
            cv2.fillConvexPoly(canvas, outline, colour)
    canvas = (canvas * 0.6).astype(np.uint8)
    dots(canvas, joints, 4 * size, COLOURS)
    for hand in (keypoints[LEFT_HAND], keypoints[RIGHT_HAND]):
        for bone in range(20):
            one, other = hand[bone if bone % 4 else 0], hand[bone + 1]
            if one[2] and other[2]:
                colour = [255 * share for share in colorsys.hsv_to_rgb(bone / 20, 1, 1)]
                cv2.line(canvas, one[:2].astype(int).tolist(), other[:2].astype(int).tolist(), colour, 2 * size)
        dots(canvas, hand, 4 * size, [(0, 0, 255)] * 21)
    dots(canvas, keypoints[FACE], 3 * size, [(255, 255, 255)] * 68)
    return canvas


def dots(canvas, points, radius, colours):
    for point, colour in zip(points, colours, strict=True):
        if point[2]:
            cv2.circle(canvas, point[:2].astype(int).tolist(), radius, colour, thickness=-1)


@pytest.fixture
def body(figure):
    figure[BODY.stop :, 2] = 0
    return figure


@pytest.fixture(scope="module")
def people():
    """Return a photographed person and crowded poses of chance, in a picture of 512 pixels, some points unknown."""
    found = MediapipePose().detect(skimage.data.astronaut())[0].keypoints.copy()
    found[found[:, 2] < 0.3, 2] = 0
    generator = np.random.default_rng(0)
    near = generator.normal(256, 60, (3, 1, 2)) + generator.normal(0, 70, (3, 133, 2))
    crowded = np.concatenate([near, generator.uniform(size=(3, 133, 1)) < 0.7], axis=2).astype(np.float32)
    return np.concatenate([found[None], crowded])


def scaled(keypoints, factor):
    return keypoints * np.float32([factor, factor, 1])


def middle(points, one, other):
    x, y = (points[one, :2] + points[other, :2]) / 2
    return int(y), int(x)


def shade(colour):
    return [round(0.6 * value) for value in colour]


def unlike(ours, theirs, reach, levels=10):
    """Return the share of pixels that are none that the reference has, or lies between, within `reach` pixels."""
    near = np.ones((2 * reach + 1, 2 * reach + 1), dtype=np.uint8)
    low, high = cv2.erode(theirs, near).astype(int), cv2.dilate(theirs, near).astype(int)
    return ((ours < low - levels) | (ours > high + levels)).any(axis=2).mean()


@pytest.mark.parametrize("ends", [(6, 8), (100, 101)], ids=["limb", "bone of a hand"])
@pytest.mark.parametrize("length", [40, 160, 400])
def test_every_shape_is_dwposes_but_for_one_pixel_at_its_edge(ends, length):
    for degrees in range(0, 180, 13):
        # The reference cuts degrees and places of joints down to whole numbers.
        angle = math.radians(degrees + 0.05)
        half = length / 2 * np.array([math.cos(angle), math.sin(angle)])
        keypoints = np.zeros((133, 3), dtype=np.float32)
        keypoints[list(ends)] = [[*(256.5 + half), 1], [*(256.5 - half), 1]]
        if ends[0] >= LEFT_HAND.start:
            keypoints[:, :2] = np.floor(keypoints[:, :2]) + 0.5
        ours, theirs = skeleton.draw(keypoints, 512, 512), reference(keypoints, 512, 512)
        assert unlike(ours, theirs, 1) == 0
        assert np.abs(ours.astype(int) - theirs).mean() < 0.2


@pytest.mark.parametrize(("height", "width"), [(512, 512), (384, 512), (512, 300), (1024, 1024)])
def test_people_are_dwposes_but_for_edges_and_its_rounding(people, height, width):
    for keypoints in scaled(people, max(height, width) / 512):
        keypoints[:, :2] = np.floor(keypoints[:, :2]) + 0.5
        ours, theirs = skeleton.draw(keypoints, height, width), reference(keypoints, height, width)
        assert unlike(ours, theirs, 1) < 2e-3
        assert unlike(ours, theirs, 2) < 5e-4
        assert np.abs(ours.astype(int) - theirs).mean() < 2  # grey levels of 255
        assert ours.mean() == pytest.approx(theirs.mean(), rel=0.12)


@pytest.mark.parametrize("side", [256, 128, 64])
def test_small_pictures_are_the_large_one_made_smaller(people, side):
    for keypoints in people:
        large = Image.fromarray(reference(keypoints, 512, 512)).reduce(512 // side)
        small = skeleton.draw(scaled(keypoints, side / 512), side, side)
        difference = np.abs(small.astype(int) - np.asarray(large))
        assert difference.mean() < 3
        assert small.mean() == pytest.approx(np.asarray(large).mean(), rel=0.2)


def test_thin_lines_stay_to_be_seen_in_small_pictures():
    keypoints = np.zeros((133, 3), dtype=np.float32)
    keypoints[[100, 101]] = [[20, 30, 1], [110, 71, 1]]
    drawn = skeleton.draw(keypoints, 128, 128)
    for share in np.linspace(0, 1, 50):
        x, y = keypoints[100, :2] * (1 - share) + keypoints[101, :2] * share
        assert drawn[int(y) - 1 : int(y) + 2, int(x) - 1 : int(x) + 2].max() > 110


def test_a_track_is_the_poses_one_after_the_other(people):
    track = np.concatenate([people, np.zeros_like(people[:1])])
    for height, width in ((512, 512), (64, 128)):
        drawn = skeleton.draw_track(track, height, width)
        assert drawn.shape == (5, height, width, 3)
        for frame, keypoints in zip(drawn, track, strict=True):
            assert np.array_equal(frame, skeleton.draw(keypoints, height, width))
    assert skeleton.draw_track(track[:0], 64, 64).shape == (0, 64, 64, 3)


def test_long_tracks_are_drawn_in_parts(people, monkeypatch):
    whole = skeleton.draw_track(people, 512, 512)
    monkeypatch.setattr(skeleton, "TOGETHER", 512 * 512 * 3)
    assert np.array_equal(skeleton.draw_track(people, 512, 512), whole)


def test_what_lies_outside_is_cut_off(people):
    whole = skeleton.draw(people[1], 512, 512)
    moved = people[1] - np.float32([100, 50, 0])
    cut = skeleton.draw(moved, 512, 512)[:462, :412]
    assert np.abs(cut.astype(int) - whole[50:, 100:]).max() <= 1
    far = people[1] * np.float32([1e6, -1e6, 1])
    assert not skeleton.draw(far + np.float32([0, -1000, 0]), 512, 512).any()


def test_hands_are_drawn_over_a_map_and_nothing_else_is(people):
    picture = np.full((512, 512, 3), 90, dtype=np.uint8)
    kept = picture.copy()
    drawn = skeleton.draw_hands_on(picture, people[1:])
    assert np.array_equal(picture, kept)
    for frame, keypoints in zip(drawn, people[1:], strict=True):
        keypoints[: LEFT_HAND.start, 2] = 0
        assert np.array_equal(frame, skeleton.draw_on(picture, keypoints))
        assert (frame == [0, 0, 255]).all(axis=2).any()


def test_equal_ends_are_no_error(body):
    body[[6, 8], :2] = body[5, :2]
    drawn = skeleton.draw(body, 128, 128)
    assert drawn[76, 90].any()


def test_limbs_have_openpose_colours_each_side_its_own(body):
    drawn = skeleton.draw(body * np.float32([4, 4, 1]), 512, 512)
    right, left = middle(body * 4, 6, 8), middle(body * 4, 5, 7)
    assert right[1] < left[1]  # the person's right arm is on our left
    assert drawn[right].tolist() == shade((255, 170, 0))
    assert drawn[left].tolist() == shade((170, 255, 0))


def test_neck_is_the_middle_of_the_shoulders(body):
    body[[0, 11, 12], 2] = 0  # no nose, no hips: nothing but the shoulders meets there
    drawn = skeleton.draw(body * np.float32([4, 4, 1]), 512, 512)
    assert drawn[304, 256].tolist() == [255, 85, 0]
    body[5, 2] = 0
    assert not skeleton.draw(body * np.float32([4, 4, 1]), 512, 512)[304, 256].any()


def test_unknown_points_take_their_limbs_with_them(body):
    with_elbow = skeleton.draw(body, 128, 128)
    body[7, 2] = 0
    without = skeleton.draw(body, 128, 128)
    assert with_elbow[88, 95].any()
    assert not without[80:, 94:].any(axis=2)[:, :10].any()
    assert np.array_equal(with_elbow[:, :60], without[:, :60])


def test_nothing_known_is_black(figure):
    figure[:, 2] = 0
    assert not skeleton.draw(figure, 128, 64).any()


@pytest.mark.parametrize("part", [FACE, LEFT_HAND, RIGHT_HAND])
def test_face_and_hands_are_drawn_where_they_are(figure, part):
    figure[[i for i in range(133) if not part.start <= i < part.stop], 2] = 0
    rows, columns = skeleton.draw(figure, 128, 128).any(axis=2).nonzero()
    points = figure[part, :2]
    assert np.abs(columns.mean() - points[:, 0].mean()) < 3
    assert np.abs(np.array([columns.min(), columns.max()]) - [points[:, 0].min(), points[:, 0].max()]).max() < 3
    assert np.abs(np.array([rows.min(), rows.max()]) - [points[:, 1].min(), points[:, 1].max()]).max() < 3


def test_drawing_over_a_picture_keeps_the_rest_of_it(figure, astronaut):
    over = skeleton.draw_on(astronaut, figure)
    assert np.array_equal(over[200:], astronaut[200:])
    assert not np.array_equal(over, astronaut)
