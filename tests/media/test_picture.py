import logging

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.data import astronaut

from cyberhost_cli.config.load import load_preset
from cyberhost_cli.errors import CyberHostError, InputError, UsageError
from cyberhost_cli.media.picture import read_picture, write_picture

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def config():
    return load_preset("base").preset.picture


@pytest.fixture(scope="module")
def photo():
    """100 wide, 80 high."""
    return astronaut()[20:100, 180:280].copy()


def mean_error(a, b):
    return np.abs(a.astype(float) - b.astype(float)).mean()


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.png", {}, 0),
        ("a.webp", {"lossless": True}, 0),
        ("a.jpg", {"quality": 95, "subsampling": 0}, 4),
        ("a.JPEG", {"quality": 95, "subsampling": 0, "progressive": True}, 4),
        ("a.gif", {}, 8),
        ("a.tif", {}, 0),
        ("a.bmp", {}, 0),
        ("a.avif", {"quality": 95}, 4),
    ],
)
def test_formats(tmp_path, config, photo, name, options, tolerance):
    Image.fromarray(photo).save(tmp_path / name, **options)
    pixels = read_picture(tmp_path / name, config)
    assert pixels.shape == photo.shape
    assert mean_error(pixels, photo) <= tolerance


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda p: p),
        (2, lambda p: p[:, ::-1]),
        (3, lambda p: p[::-1, ::-1]),
        (4, lambda p: p[::-1]),
        (5, lambda p: p.transpose(1, 0, 2)),
        (6, lambda p: np.rot90(p, -1)),
        (7, lambda p: p[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90),
    ],
)
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif"])
def test_exif_orientation_is_applied(tmp_path, config, photo, name, orientation, turned):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(photo).save(tmp_path / name, quality=95, exif=exif)
    assert mean_error(read_picture(tmp_path / name, config), turned(photo)) < 4


def test_16_bit_grey_is_scaled(tmp_path, config):
    ramp = np.tile(np.linspace(0, 65535, 256).round().astype(np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode == "I;16"
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", config)[0, :, 1], np.arange(256))


def test_16_bit_colour_is_scaled(tmp_path, config, photo):
    import av

    frame = av.VideoFrame.from_ndarray(photo.astype(np.uint16) * 257, format="rgb48le").reformat(format="rgb48be")
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = 100, 80, "rgb48be", 25
    (tmp_path / "a.png").write_bytes(
        b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])
    )
    assert (tmp_path / "a.png").read_bytes()[24] == 16
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", config), photo)


def test_16_bit_tiff_is_scaled(tmp_path, config, photo):
    from skimage.io import imsave

    for name, samples in (("grey.tif", photo[:, :, 1]), ("colour.tif", photo)):
        imsave(tmp_path / name, samples.astype(np.uint16) * 257, check_contrast=False)
        pixels = read_picture(tmp_path / name, config)
        np.testing.assert_array_equal(pixels, samples if samples.ndim == 3 else samples[:, :, None].repeat(3, axis=2))


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_samples_without_one_meaning_are_refused(tmp_path, config, photo, mode):
    grey = Image.fromarray(photo).convert("RGB" if mode == "LAB" else "L")
    grey.convert(mode).save(tmp_path / "a.tif")
    assert "expected 8 or 16 bits" in refused(tmp_path / "a.tif", config)


@pytest.mark.parametrize("keep_marker", [True, False])
def test_cmyk_jpeg_is_inverted_as_adobe_does(tmp_path, config, photo, keep_marker):
    Image.fromarray(photo).convert("CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    data = (tmp_path / "a.jpg").read_bytes()
    assert data[2:4] == b"\xff\xee"
    assert data[6:11] == b"Adobe"
    if not keep_marker:
        (tmp_path / "a.jpg").write_bytes(data[:2] + data[4 + int.from_bytes(data[4:6], "big") :])
    assert mean_error(read_picture(tmp_path / "a.jpg", config), photo) < 4


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_grey_and_palette_become_rgb(tmp_path, config, photo, mode):
    expected = Image.fromarray(photo).convert("L").convert(mode)
    expected.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", config), np.array(expected.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA"])
def test_transparency_becomes_white(tmp_path, config, mode):
    picture = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 32, 64))
    picture.convert(mode).save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png", config)
    assert (pixels[:, :32] == 255).all()
    assert (pixels[:, 32:] == 0).all()


def test_half_transparent_is_mixed_with_white(tmp_path, config):
    Image.new("RGBA", (64, 64), (200, 0, 0, 51)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", config)[0, 0], [244, 204, 204])


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif", "avif"])
def test_of_an_animation_the_first_frame_is_taken_and_that_is_told(tmp_path, config, caplog, suffix):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    np.testing.assert_allclose(read_picture(path, config)[5, 5].astype(int), [255, 0, 0], atol=3)
    (record,) = caplog.records
    assert record.getMessage().startswith(f"`{path}` holds more than one picture, took the first")


def test_a_jpeg_with_its_own_thumbnails_is_no_animation(tmp_path, config, photo, caplog):
    picture = Image.fromarray(photo)
    picture.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[picture.resize((64, 64))], quality=95)
    assert mean_error(read_picture(tmp_path / "a.jpg", config), photo) < 6
    assert not caplog.records


def test_colour_profile_is_applied(tmp_path, config):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # A profile in which red and blue have changed places.
    swapped = profile.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
    Image.new("RGB", (64, 64), (250, 100, 20)).save(tmp_path / "a.png", icc_profile=swapped)
    np.testing.assert_allclose(read_picture(tmp_path / "a.png", config)[0, 0].astype(int), [20, 100, 250], atol=2)


def test_damaged_colour_profile_is_only_warned_of(tmp_path, config, photo, caplog):
    Image.fromarray(photo).save(tmp_path / "a.png", icc_profile=b"rubbish")
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(read_picture(tmp_path / "a.png", config), photo)
    assert "colour profile" in caplog.text


def test_jpeg_named_png_is_fine(tmp_path, config, photo):
    Image.fromarray(photo).save(tmp_path / "a.png", format="JPEG", quality=95)
    assert mean_error(read_picture(tmp_path / "a.png", config), photo) < 4


def refused(path, config):
    with pytest.raises(InputError) as told:
        read_picture(path, config)
    assert told.value.hint
    assert str(path) in told.value.message
    return told.value.message


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.tif", "a.bmp", "a.avif"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated(tmp_path, config, photo, name, share):
    Image.fromarray(photo).save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    message = refused(tmp_path / name, config)
    assert "cut off" in message or "is not a PNG" in message


def test_text_named_png(tmp_path, config):
    (tmp_path / "a.png").write_text("not a picture\n" * 100)
    assert "is not a PNG, JPEG, WebP, GIF, TIFF, BMP or AVIF picture" in refused(tmp_path / "a.png", config)


def test_a_phones_heic_is_named_and_so_is_the_way_out(tmp_path, config):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    with pytest.raises(InputError, match="is a HEIC picture") as told:
        read_picture(tmp_path / "a.jpg", config)
    assert "Most Compatible" in told.value.hint


def test_missing_folder_and_empty(tmp_path, config):
    (tmp_path / "empty.png").touch()
    assert "No such file" in refused(tmp_path / "missing.png", config)
    assert "is a folder" in refused(tmp_path, config)
    assert "is empty" in refused(tmp_path / "empty.png", config)


def test_size_limits(tmp_path, config):
    Image.new("RGB", (63, 200)).save(tmp_path / "small.png")
    assert "is 63x200, expected at least 64" in refused(tmp_path / "small.png", config)
    Image.new("1", (10_000, 10_001)).save(tmp_path / "large.png")
    assert "expected at most 100000000 pixels" in refused(tmp_path / "large.png", config)
    # Only the header is large: far beyond what Pillow itself accepts.
    bomb = bytearray((tmp_path / "small.png").read_bytes())
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    import zlib

    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(bomb)
    assert "too large" in refused(tmp_path / "bomb.png", config)


def test_write_and_read_again(tmp_path, config, photo):
    write_picture(tmp_path / "a.png", photo)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png", config), photo)
    write_picture(tmp_path / "a.jpg", photo)
    assert mean_error(read_picture(tmp_path / "a.jpg", config), photo) < 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jpg", "a.png"]


def test_write_refuses_other_suffixes(tmp_path, photo):
    with pytest.raises(UsageError, match="does not end in"):
        write_picture(tmp_path / "a.exr", photo)


def test_write_on_a_full_disk(tiny_disk):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    with pytest.raises(CyberHostError, match="no space left"):
        write_picture(tiny_disk / "a.png", noise)
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]
