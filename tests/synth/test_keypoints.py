import numpy as np

from cyberhost_cli.synth import keypoints
from cyberhost_cli.synth.camera import FACE_HEIGHTS, FACE_TOP, Camera, frame_face
from cyberhost_cli.types import BODY, FACE, FEET, LEFT_HAND, RIGHT_HAND


def test_what_is_seen_is_in_the_picture(clip):
    track = clip.truth.keypoints
    seen = track[track[..., 2] > 0]
    assert set(np.unique(track[..., 2])) <= {0.0, 1.0}
    assert (seen[:, :2] >= 0).all()
    assert (seen[:, :2] <= 128).all()


def test_face_and_raised_hands_are_seen_and_legs_are_not(clip):
    confidence = clip.truth.keypoints[..., 2]
    assert confidence[:, FACE].mean() > 0.9
    assert max(confidence[:, LEFT_HAND].mean(), confidence[:, RIGHT_HAND].mean()) > 0.5
    assert confidence[:, FEET].max() == 0
    assert confidence[:, BODY][:, 13:].max() == 0


def test_left_and_right_are_the_persons_own(clip):
    x = clip.truth.keypoints[:, :, 0].mean(axis=0)
    left_eye, right_eye, left_shoulder, right_shoulder = x[[1, 2, 5, 6]]
    assert right_eye < left_eye
    assert right_shoulder < left_shoulder
    assert x[FACE][0] < x[FACE][16]
    assert x[RIGHT_HAND][0] < x[LEFT_HAND][0]


def test_the_parts_of_the_face_are_in_order(person):
    points = keypoints.face_points(person.posed.vertices)[0]
    heights = [points[part, 2].mean() for part in (slice(17, 27), slice(36, 48), slice(31, 36), slice(48, 68), [8])]
    assert heights == sorted(heights, reverse=True)


def test_fingers_run_from_the_wrist_to_the_tips(person):
    hand = keypoints.places(person.body, person.posed)[0, LEFT_HAND]
    for finger in range(5):
        from_wrist = np.linalg.norm(hand[1 + 4 * finger : 5 + 4 * finger] - hand[0], axis=1)
        assert (np.diff(from_wrist) > 0.005).all()


def test_what_lies_behind_a_surface_is_not_seen(person):
    points = keypoints.places(person.body, person.posed)[0]
    camera = frame_face(points[FACE], 64, None)
    free = keypoints.see(points, np.full(133, np.inf, np.float32), camera)
    hidden = keypoints.see(points, np.full(133, 0.5, np.float32), camera)
    behind_a_hand = keypoints.see(points, np.full(133, 1.7, np.float32), camera)
    assert free[FACE, 2].all()
    assert not hidden[:, 2].any()
    assert not behind_a_hand[FACE, 2].any()
    assert behind_a_hand[[5, 6], 2].all(), "detectors find shoulders behind hands"


def test_the_face_has_its_place_in_the_frame(person):
    face = keypoints.face_points(person.posed.vertices)[0]
    pixels = frame_face(face, 100, None).project(face)
    top, bottom = pixels[:, 1].min(), pixels[:, 1].max()
    np.testing.assert_allclose((bottom - top) / 100, 1 / FACE_HEIGHTS, rtol=0.08)
    np.testing.assert_allclose((bottom + top) / 200, FACE_TOP, atol=0.02)


def test_boxes_lie_around_what_is_seen(clip):
    truth = clip.truth
    for frame, keypoint in enumerate(truth.keypoints):
        left, top, right, bottom = truth.faces[frame]
        face = keypoint[FACE][keypoint[FACE][:, 2] > 0]
        assert (face[:, :2] > (left - 3, top - 3)).all()
        assert (face[:, :2] < (right + 3, bottom + 3)).all()
        assert 1.1 < (bottom - top) / np.ptp(face[:, 1]) < 1.8, "the forehead is in it"
    for hand, part in enumerate((LEFT_HAND, RIGHT_HAND)):
        for box, points in zip(truth.hands[:, hand], truth.keypoints[:, part], strict=True):
            if box.any():
                seen = points[points[:, 2] > 0, :2]
                assert (seen > box[:2] - 2).all()
                assert (seen < box[2:] + 2).all()
            else:
                assert points[:, 2].mean() < 0.5
    assert truth.hands.any()


def test_a_part_out_of_view_has_no_box():
    points = np.array([[0, 0, 0], [0, 0, 0.1], [5.0, 0, 0]], np.float32)
    camera = Camera(100, np.array([0, -2.0, 0]), 100.0, (50.0, 50.0))
    free, hidden = np.full(3, np.inf, np.float32), np.full(3, 1.0, np.float32)
    np.testing.assert_allclose(keypoints.box(points, free, camera), [50, 45, 50, 50])
    assert not keypoints.box(points, hidden, camera).any()
