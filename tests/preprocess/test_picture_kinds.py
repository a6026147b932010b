"""Pictures of every kind, from the file to the person that is found in it."""

from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFilter, ImageOps
from PIL.Image import Transpose

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import InputError
from cyberhost_cli.pipelines.prepare import prepare_reference
from cyberhost_cli.preprocess.framing import to_picture
from cyberhost_cli.types import FACE

BACK_OF_HEAD = Path(__file__).parents[1] / "assets" / "back_of_head.png"
ORIENTATION = 0x0112
STORED = {
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}
"""How a picture lies in a file of each EXIF orientation."""


@pytest.fixture(scope="module")
def loaded():
    return load_preset("demo", ["store.cache_megabytes=0"])


@pytest.fixture(scope="module")
def photo(astronaut):
    return Image.fromarray(astronaut)


@pytest.fixture
def find(loaded, tmp_path):
    """Prepare what `save` writes, and return the reference and the places of its face points in the picture."""

    def find(save, name="a.png"):
        save(tmp_path / name)
        found = prepare_reference(tmp_path / name, loaded)
        assert found.picture.shape == (128, 128, 3)
        assert found.keypoints[FACE, 2].all()
        return found, to_picture(found.keypoints[FACE, :2], found.placement, 128)

    return find


@pytest.fixture
def refused(loaded, tmp_path):
    """Return the error that a picture gives."""

    def refused(picture):
        picture.save(tmp_path / "a.png")
        with pytest.raises(InputError) as told:
            prepare_reference(tmp_path / "a.png", loaded)
        assert told.value.hint.startswith("use a ")
        return told.value.message

    return refused


@pytest.fixture(scope="module")
def usual(loaded, photo, tmp_path_factory):
    """Return the face points of the photograph as it is."""
    path = tmp_path_factory.mktemp("usual") / "a.png"
    photo.save(path)
    found = prepare_reference(path, loaded)
    places = to_picture(found.keypoints[FACE, :2], found.placement, 128)
    assert places[8] == pytest.approx([221, 178], abs=4)  # the chin
    return places


def error(places, expected, scale=1.0):
    """Return the mean error of the points as a share of the face's height."""
    return np.linalg.norm(places / scale - expected, axis=1).mean() / np.ptp(expected[:, 1])


@pytest.mark.parametrize("orientation", STORED)
def test_rotated_by_exif(find, photo, usual, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = photo if STORED[orientation] is None else photo.transpose(STORED[orientation])
    _, places = find(lambda path: stored.save(path, exif=exif))
    assert error(places, usual) < 1e-6


@pytest.mark.parametrize(
    ("name", "mode", "options", "tolerance"),
    [
        ("a.png", "L", {}, 0.03),
        ("a.png", "LA", {}, 0.03),
        ("a.png", "P", {}, 0.03),
        ("a.jpg", "L", {"quality": 80}, 0.03),
        ("a.jpg", "CMYK", {"quality": 90}, 0.03),
        ("a.tif", "CMYK", {}, 0.03),
        ("a.gif", "RGB", {}, 0.03),
        ("a.bmp", "RGB", {}, 0.03),
        ("a.webp", "RGB", {}, 0.03),
        ("a.avif", "RGB", {}, 0.03),
    ],
)
def test_kinds_of_files_and_colours(find, photo, usual, name, mode, options, tolerance):
    _, places = find(lambda path: photo.convert(mode).save(path, **options), name)
    assert error(places, usual) < tolerance


def test_cut_out_of_its_background(find, photo, usual):
    outline = Image.new("L", photo.size, 0)
    ImageDraw.Draw(outline).polygon([(20, 511), (60, 250), (140, 0), (310, 0), (360, 250), (380, 511)], fill=255)
    photo = photo.copy()
    photo.putalpha(outline.filter(ImageFilter.GaussianBlur(2)))
    found, places = find(photo.save)
    assert error(places, usual) < 0.03
    assert (found.picture[5, 5] == 255).all()


def test_16_bit_grey(find, photo, usual):
    deep = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    assert deep.mode == "I;16"
    assert error(find(deep.save)[1], usual) < 0.03


def test_16_bit_colour(find, photo, usual):
    def save(path):
        deep = np.asarray(photo).astype(np.uint16) * 257
        frame = av.VideoFrame.from_ndarray(deep, format="rgb48le").reformat(format="rgb48be")
        encoder = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 512, 512, "rgb48be", 25
        path.write_bytes(b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]))
        assert path.read_bytes()[24] == 16

    assert error(find(save)[1], usual) < 1e-6


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_of_an_animation_the_first_frame_talks(find, photo, usual, caplog, name):
    empty = Image.new("RGB", photo.size, "grey")
    _, places = find(lambda path: photo.save(path, save_all=True, append_images=[empty], duration=100), name)
    assert error(places, usual) < 0.03
    assert any("holds more than one picture, took the first" in text for text in caplog.messages)


def test_30_megapixels(find, photo, usual):
    large = photo.resize((5500, 5500), Image.Resampling.BICUBIC)
    found, places = find(lambda path: large.save(path, quality=80), "a.jpg")
    assert error(places, usual, scale=5500 / 512) < 0.03
    assert (found.placement.picture_width, found.placement.picture_height) == (5500, 5500)


def test_96_pixels(find, photo, usual, caplog):
    _, places = find(photo.resize((96, 96), Image.Resampling.LANCZOS).save)
    assert error(places, usual, scale=96 / 512) < 0.05
    assert any("`face.height`" in text for text in caplog.messages)


@pytest.mark.parametrize("left", [0, 2100, 5488])
def test_one_person_in_a_panorama(find, photo, usual, left):
    panorama = Image.fromarray(skimage.data.coffee()).resize((6000, 600))
    panorama.paste(photo, (left, 60))
    _, places = find(panorama.save)
    assert error(places - [left, 60], usual) < 0.05


def test_two_people(find, photo, usual, caplog):
    both = Image.new("RGB", (1000, 560), "grey")
    both.paste(ImageOps.mirror(photo).resize((380, 380)), (0, 180))
    both.paste(photo, (480, 40))
    _, places = find(both.save)
    assert error(places - [480, 40], usual) < 0.05
    assert any(text.startswith("2 people found, took the largest face, number 1") for text in caplog.messages)


@pytest.mark.parametrize(("box", "percent"), [((195, 0, 512, 512), 18), ((0, 110, 512, 512), 27)])
def test_a_face_at_the_edge_is_framed_and_told(find, photo, usual, caplog, box, percent):
    _, places = find(photo.crop(box).save)
    assert error(places + box[:2], usual) < 0.1
    (told,) = [text for text in caplog.messages if "of the face;" in text]
    share = told.removeprefix("the edge of the picture cuts off ").partition("%")[0]
    assert int(share) == pytest.approx(percent, abs=6)


def test_back_of_the_head(refused):
    with Image.open(BACK_OF_HEAD) as picture:
        assert refused(picture) == "no face found in the picture"


def test_dots_of_a_printer(refused, photo):
    assert refused(photo.convert("1")) == "no face found in the picture"


def test_drawings(refused, photo):
    edges = photo.convert("L").filter(ImageFilter.FIND_EDGES).point(lambda value: 0 if value > 40 else 255)
    assert refused(edges) == "no person found in the picture"
    stick = Image.new("RGB", (400, 600), "white")
    pen = ImageDraw.Draw(stick)
    pen.ellipse((140, 60, 260, 180), outline="black", width=5)
    for left in (172, 218):
        pen.ellipse((left, 100, left + 10, 110), fill="black")
    pen.arc((170, 110, 230, 155), 20, 160, fill="black", width=4)
    for end in ((110, 300), (290, 300), (200, 380)):
        pen.line((200, 230, *end), fill="black", width=5)
    assert refused(stick) == "no person found in the picture"


def test_a_painted_face_is_found_where_it_is(find, photo, usual):
    painted = ImageOps.posterize(photo.filter(ImageFilter.ModeFilter(5)), 3)
    assert error(find(painted.save)[1], usual) < 0.08


@pytest.mark.parametrize("name", ["coffee", "rocket", "chelsea", "clock", "brick"])
def test_nobody(refused, name):
    assert refused(Image.fromarray(getattr(skimage.data, name)())) == "no person found in the picture"


def test_cut_off_while_copying(loaded, photo, tmp_path):
    photo.save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged or cut off") as told:
        prepare_reference(tmp_path / "a.jpg", loaded)
    assert told.value.hint == "copy or save the picture again"
