import numpy as np
import pytest

from cyberhost_cli.preprocess.preflight import limbs
from cyberhost_cli.types import BODY, FACE, LEFT_HAND, RIGHT_HAND

SIZE = (2000, 1000)


@pytest.fixture
def human():
    """Keypoints of an average rendered actor, arms down: 200 pixels between the shoulders."""
    points = np.zeros((133, 3), dtype=np.float32)
    points[:11] = [
        *((500, 200, 1), (510, 190, 1), (490, 190, 1), (525, 195, 1), (475, 195, 1)),
        *((600, 300, 1), (400, 300, 1), (600, 474, 1), (400, 474, 1), (600, 626, 1), (400, 626, 1)),
    ]
    points[11:13] = [(560, 620, 1), (440, 620, 1)]
    turn = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points[FACE] = np.stack([500 + 35 * np.sin(turn), 200 + 45 * np.cos(turn), np.ones(68)], axis=1)
    for hand, x in ((LEFT_HAND, 600), (RIGHT_HAND, 400)):
        points[hand] = [(x, 626, 1), *((x, 626 + 31 * joint, 1) for _ in range(5) for joint in range(1, 5))]
    return points


@pytest.fixture
def measure(limits):
    def measure(keypoints, size=SIZE):
        return {figure.name: figure for figure in limbs.measure(keypoints, size, limits.limbs)}

    return measure


def told(figures):
    return {name for name, figure in figures.items() if not figure.fits}


def stretched(points, start, ends, factor):
    """Move points away from one of them, as if the limb were longer."""
    changed = points.copy()
    changed[ends, :2] = points[start, :2] + (points[ends, :2] - points[start, :2]) * factor
    return changed


def test_a_human_is_silent(measure, human):
    figures = measure(human)
    assert told(figures) == set()
    values = {name: figure.value for name, figure in figures.items()}
    assert values == pytest.approx(
        {"limbs.head": 0.45, "limbs.upper_arm": 0.87, "limbs.forearm": 0.76, "limbs.hand": 0.62}, abs=0.01
    )


def test_limbs_twice_as_long_are_told(measure, human):
    assert told(measure(stretched(human, 5, [7], 2))) == {"limbs.upper_arm"}
    assert told(measure(stretched(human, 7, [9], 2))) == {"limbs.forearm"}
    assert told(measure(stretched(human, LEFT_HAND.start, np.arange(91, 112), 2))) == {"limbs.hand"}
    assert told(measure(stretched(human, 5, [7, 9, *range(91, 112)], 2))) == {
        "limbs.upper_arm",
        "limbs.forearm",
        "limbs.hand",
    }


@pytest.mark.parametrize("factor", [0.1, 0.5, 1.3])
def test_a_limb_towards_the_camera_is_silent(measure, human, factor):
    assert told(measure(stretched(human, 5, [7, 9, *range(91, 112)], factor))) == set()


@pytest.mark.parametrize(("factor", "names"), [(0.5, {"limbs.head"}), (1.2, set()), (2.0, {"limbs.head"})])
def test_huge_and_tiny_heads_are_told(measure, human, factor, names):
    changed = stretched(human, 0, np.arange(FACE.start, FACE.stop), factor)
    assert told(measure(changed)) == names


def test_shoulders_seen_from_the_side_are_silent(measure, human):
    turned = human.copy()
    turned[[5, 7, 9], 0], turned[[6, 8, 10], 0] = 530, 470
    assert told(measure(turned)) == set()


@pytest.mark.parametrize("scale", [0.05, 0.5, 0.999])
def test_size_does_not_matter(measure, human, scale):
    smaller = human.copy()
    smaller[:, :2] *= scale
    for name, figure in measure(smaller).items():
        assert figure.value == pytest.approx(measure(human)[name].value, rel=1e-3)


def test_limbs_beyond_the_picture_or_not_known_are_left_out(measure, human):
    assert set(measure(human, (600, 1000))) == {"limbs.head", "limbs.upper_arm"}
    human[BODY, 2] = 0
    human[LEFT_HAND.start :, 2] = 0
    assert measure(human) == {}
