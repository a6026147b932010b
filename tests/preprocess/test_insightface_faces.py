from functools import partial

import numpy as np
import pytest
from insightface.utils.face_align import arcface_dst
from PIL import Image, ImageFilter
from scipy.ndimage import map_coordinates
from skimage.transform import SimilarityTransform, warp

from cyberhost_cli.errors import CheckpointError
from cyberhost_cli.preprocess import faces
from cyberhost_cli.preprocess.insightface_faces import ArcfaceEmbedder, InsightFaces, align
from cyberhost_cli.types import Box, Face, Person
from tests.preprocess import nets
from tests.preprocess.process import said

DETECTOR, EMBEDDER = "det_10g.onnx", "w600k_r50.onnx"
DISTANCES = (2.0, 2.5, 2.0, 2.5)
OFFSETS = np.array([[-1.0, -1.25], [1.0, -1.0], [0.25, 0.5], [-0.75, 1.5], [0.875, 1.625]])
EYES = np.array([[204.5, 101.5], [247.5, 104.5], [220.0, 127.0], [203.5, 142.5], [243.0, 143.5]], dtype=np.float32)
"""The five points of the astronaut."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return models that see a face four cells wide at red cells of 16 pixels, and say what they see of it."""
    made = tmp_path_factory.mktemp("models") / "buffalo_l"
    made.mkdir()
    nets.scrfd(made / DETECTOR, 16, DISTANCES, OFFSETS)
    nets.arcface(made / EMBEDDER)
    return made


@pytest.fixture(scope="module")
def detection(configs):
    return configs.detection.model_copy(update={"faces": "insightface", "embedder": "arcface"})


@pytest.fixture(scope="module")
def finder(folder, detection, detector):
    return faces.load_detector(detection, {"buffalo_l": folder}.__getitem__, detector)


@pytest.fixture(scope="module")
def embedder(folder, detection):
    return faces.load_embedder(detection, {"buffalo_l": folder}.__getitem__)


def mark(picture, stride, cell, colour=(255, 0, 0)):
    """Fill what the letterbox brings into one cell (column, row) and return the anchor's place, its corner."""
    sides = np.array(picture.shape[1::-1])
    scales = np.rint(sides * 640 / sides.max()) / sides
    (left, top), (right, bottom) = (np.rint((np.array(cell) + add) * stride / scales).astype(int) for add in (0, 1))
    picture[top:bottom, left:right] = colour
    # As in pictures whose pixels are counted at their centres.
    return np.array(cell) * stride / scales + 0.5, scales


@pytest.mark.parametrize("stride", [8, 16, 32])
@pytest.mark.parametrize("size", [(640, 640), (667, 1000), (1000, 667), (96, 150), (64, 1700), (1800, 2500)])
def test_faces_come_back_through_the_letterbox(tmp_path, stride, size):
    nets.scrfd(tmp_path / DETECTOR, stride, DISTANCES, OFFSETS)
    picture = np.zeros((*size, 3), dtype=np.uint8)
    anchor, scales = mark(picture, stride, (320 // stride, 0))
    (face,) = InsightFaces("buffalo_l", tmp_path).detect(picture)
    assert face.points == pytest.approx(anchor + OFFSETS * stride / scales, abs=2e-3)
    corners = anchor + np.array([[-2.0, -2.5], [2.0, 2.5]]) * stride / scales
    box = face.box
    assert [[box.left, box.top], [box.right, box.bottom]] == pytest.approx(corners, abs=2e-3)
    assert 0.5 < face.confidence <= 1


def test_faces_are_sought_in_rgb_and_the_surest_of_overlapping_ones_stays(finder):
    picture = np.zeros((640, 640, 3), dtype=np.uint8)
    assert finder.detect(picture) == []
    mark(picture, 16, (20, 20), (0, 0, 255))
    assert finder.detect(picture) == []
    places = [
        mark(picture, 16, cell, (red, 0, 0))[0] for cell, red in (((20, 20), 250), ((21, 20), 255), ((3, 4), 240))
    ]
    surest, other = finder.detect(picture)
    assert surest.points == pytest.approx(places[1] + OFFSETS * 16, abs=2e-3)
    assert other.points == pytest.approx(places[2] + OFFSETS * 16, abs=2e-3)


def test_a_persons_face_is_the_one_within_their_face_box(finder, figure):
    points = figure.copy()
    points[:, :2] = points[:, :2] * 2 + (700, 300)
    person = Person(points, Box(0.0, 0.0, 1.0, 1.0))
    picture = np.zeros((1200, 3000, 3), dtype=np.uint8)
    assert finder.face_of(picture, person) is None
    picture[372:382, 930:940] = (255, 0, 0)  # of somebody next to them
    assert finder.face_of(picture, person) is None
    picture[372:382, 820:830] = (255, 0, 0)
    # They are looked at closely: the red pixels alone are too few in the whole picture.
    face = faces.face_of(picture, person, finder)
    assert face.box.centre == pytest.approx((825, 377), abs=10)
    assert face.points == pytest.approx(np.array(face.box.centre) + OFFSETS * face.box.width / 4, abs=1e-2)
    points[:, :2] -= 5000
    assert finder.face_of(picture, person) is None
    points[:, 2] = 0
    assert finder.face_of(picture, person) is None


def umeyama(points, wanted):
    """Return matrix and shift of the similarity that brings the points nearest to those wanted (Umeyama 1991)."""
    source, target = points - points.mean(axis=0), wanted - wanted.mean(axis=0)
    u, sizes, v = np.linalg.svd(target.T @ source / len(points))
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])
    matrix = (sizes * signs).sum() / source.var(axis=0).sum() * u @ np.diag(signs) @ v
    return matrix, wanted.mean(axis=0) - matrix @ points.mean(axis=0)


@pytest.mark.parametrize("turn", [0, 25, 180])
def test_alignment_is_the_nearest_similarity(embedder, astronaut, turn):
    smooth = np.array(Image.fromarray(astronaut).filter(ImageFilter.GaussianBlur(1)))
    angle = np.deg2rad(turn)
    around = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((EYES - EYES.mean(axis=0)) @ around.T + EYES.mean(axis=0)).astype(np.float32)
    matrix, shift = umeyama(points - 0.5, arcface_dst)
    y, x = np.indices((112, 112))
    places = np.linalg.solve(matrix, np.stack([x.ravel(), y.ravel()]) - shift[:, None])
    expected = np.stack([map_coordinates(smooth[:, :, c].astype(float), places[::-1], order=1) for c in range(3)])
    seen = (expected.ravel() - 127.5) / 127.5
    identity = embedder.embed(smooth, Face(Box(0.0, 0.0, 1.0, 1.0), points, 1.0))
    assert identity.shape == (3 * 112 * 112,)
    # As long as the network makes it. Half a grey level of rounding.
    assert np.abs(identity - seen).max() < 0.02


def likeness(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


@pytest.mark.parametrize(("turn", "scale"), [(40, 1.0), (-160, 0.9), (10, 1.7), (90, 4.0)])
def test_identity_does_not_care_how_the_picture_lies(embedder, astronaut, turn, scale):
    part = np.array(Image.fromarray(astronaut[40:240, 130:330]).filter(ImageFilter.GaussianBlur(1)))
    points = EYES - np.array([130, 40], dtype=np.float32)
    side = int(330 * scale)
    centred = SimilarityTransform(translation=(-100, -100)) + SimilarityTransform(
        rotation=np.deg2rad(turn), scale=scale
    )
    move = centred + SimilarityTransform(translation=(side / 2, side / 2))
    # skimage counts pixels at their centres from 0.
    whole = SimilarityTransform(translation=(0.5, 0.5)) + move + SimilarityTransform(translation=(-0.5, -0.5))
    moved = (warp(part, whole.inverse, output_shape=(side, side), order=3) * 255).clip(0, 255).astype(np.uint8)
    box = Box(0.0, 0.0, 1.0, 1.0)
    here = embedder.embed(part, Face(box, points, 1.0))
    there = embedder.embed(moved, Face(box, move(points).astype(np.float32), 1.0))
    assert likeness(here, there) > 0.995
    mirrored = embedder.embed(part, Face(box, points[[1, 0, 2, 4, 3]], 1.0))
    assert likeness(here, mirrored) < 0.9


def test_large_faces_are_made_coarser_first():
    noise = np.random.default_rng(0).integers(0, 2, (1200, 1200, 1), dtype=np.uint8).repeat(3, axis=2) * 255
    points = ((arcface_dst + 0.5) * 10).astype(np.float32)
    # Means of 100 independent pixels each, blended, instead of single ones.
    assert align(noise, Face(Box(0.0, 0.0, 1.0, 1.0), points, 1.0)).std() < 255 / 2 / 10 * 1.1


def test_hallos_pack_has_files_of_its_own(folder, detection, detector, tmp_path):
    (tmp_path / "scrfd_10g_bnkps.onnx").write_bytes((folder / DETECTOR).read_bytes())
    (tmp_path / "glintr100.onnx").write_bytes((folder / EMBEDDER).read_bytes())
    chosen, found = detection.model_copy(update={"face_models": "antelopev2"}), {"antelopev2": tmp_path}.__getitem__
    picture = np.zeros((640, 640, 3), dtype=np.uint8)
    mark(picture, 16, (20, 20))
    (face,) = faces.load_detector(chosen, found, detector).detect(picture)
    assert faces.load_embedder(chosen, found).embed(picture, face).shape == (3 * 112 * 112,)
    with pytest.raises(CheckpointError, match="glintr100") as raised:
        ArcfaceEmbedder("antelopev2", folder)
    assert "cyberhost weights fetch antelopev2" in raised.value.hint


def test_missing_damaged_and_swapped_files_are_told(folder, tmp_path):
    hint = "cyberhost weights fetch buffalo_l"
    for load, name in (
        (partial(InsightFaces, "buffalo_l"), DETECTOR),
        (partial(ArcfaceEmbedder, "buffalo_l"), EMBEDDER),
    ):
        with pytest.raises(CheckpointError, match="does not exist") as raised:
            load(tmp_path)
        assert hint in raised.value.hint
        (tmp_path / name).write_bytes((folder / name).read_bytes()[:-99])
        with pytest.raises(CheckpointError, match="is damaged") as raised:
            load(tmp_path)
        assert hint in raised.value.hint
        (other,) = {DETECTOR, EMBEDDER} - {name}
        (tmp_path / name).write_bytes((folder / other).read_bytes())
        with pytest.raises(CheckpointError, match="holds another model"):
            load(tmp_path)
        (tmp_path / name).unlink()


def test_terminal_stays_silent_and_the_missing_package_is_told(folder):
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from cyberhost_cli.errors import CyberHostError\n"
        "from cyberhost_cli.preprocess.insightface_faces import ArcfaceEmbedder, InsightFaces\n"
        "from cyberhost_cli.types import Box, Face\n"
        "folder, picture = Path(sys.argv[1]), np.zeros((64, 64, 3), np.uint8)\n"
        "InsightFaces('buffalo_l', folder).detect(picture)\n"
        "points = np.array([[1, 1], [9, 1], [5, 5], [2, 9], [8, 9]], np.float32)\n"
        "ArcfaceEmbedder('buffalo_l', folder).embed(picture, Face(Box(0.0, 0.0, 9.0, 9.0), points, 1.0))\n"
        "for name in [name for name in sys.modules if name.startswith('insightface')]:\n"
        "    del sys.modules[name]\n"
        "sys.modules['insightface'] = None\n"
        "for part in (InsightFaces, ArcfaceEmbedder):\n"
        "    try:\n"
        "        part('buffalo_l', folder)\n"
        "    except CyberHostError as error:\n"
        "        print(error.message, error.hint, sep='; ')\n"
    )
    missing = "needs the package `insightface`, which is not installed; install it with `pip install"
    assert said(code, folder) == [
        f"{user} {missing} 'cyberhost[insightface]'`"
        for user in ("the face detector `insightface`", "the embedder `arcface`")
    ]
