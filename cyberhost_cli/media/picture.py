"""Pictures from and to files."""

import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from cyberhost_cli.config.inputs import PictureConfig
from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.source import check_source
from cyberhost_cli.types import Pixels

_LOG = logging.getLogger(__name__)
_READ = ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF")
_KINDS = "PNG, JPEG, WebP, GIF, TIFF, BMP or AVIF"
_WRITTEN = (".png", ".jpg", ".jpeg", ".webp")
_NOT_TAKEN = {"I": "32-bit integers", "F": "floating-point numbers", "LAB": "CIE L*a*b* colours"}
"""Kinds of samples, by Pillow's name, that have no one meaning as 8 bits of sRGB."""
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Brands of phones' pictures in HEIC files, which Pillow does not read."""


def read_picture(path: Path, config: PictureConfig) -> Pixels:
    """Read a picture, upright and in sRGB; of an animation or a document of several pages the first one.

    Transparent parts are laid over white, as viewers and browsers show them.

    Raises:
        InputError: Missing, damaged, of another format or kind of colours, too small or too large.
    """
    check_source(path, "picture")
    with _explained(path), Image.open(path, formats=_READ) as picture:
        _check_size(path, picture, config)
        _check_colours(path, picture)
        _warn_of_more(path, picture)
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        return np.array(_to_srgb(path, _flatten(upright)))


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write a PNG, JPEG or WebP, as the suffix says.

    Raises:
        UsageError: Another suffix.
        CyberHostError: The disk is full, or the file cannot be made.
    """
    if path.suffix.lower() not in _WRITTEN:
        raise UsageError(f"`{path}` does not end in {', '.join(_WRITTEN)}", "rename it")
    with atomic_file(path) as temporary:
        Image.fromarray(pixels).save(temporary)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; ours is the limit that counts.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError as error:
        raise _unknown(path) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"`{path}` is too large: {error}", "scale the picture down") from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        # All of these are ways in which Pillow meets damaged data.
        raise InputError(f"`{path}` is damaged or cut off: {error}", "copy or save the picture again") from error


def _check_size(path: Path, picture: Image.Image, config: PictureConfig) -> None:
    width, height = picture.size
    if min(width, height) < config.min_side:
        raise InputError(
            f"`{path}` is {width}x{height}, expected at least {config.min_side} pixels on either side",
            "give a larger picture, or lower the limit with `--set picture.min_side=...`",
        )
    if width * height > config.max_pixels:
        raise InputError(
            f"`{path}` is {width}x{height}, expected at most {config.max_pixels} pixels",
            "scale the picture down, or raise the limit with `--set picture.max_pixels=...`",
        )


def _check_colours(path: Path, picture: Image.Image) -> None:
    if picture.mode in _NOT_TAKEN:
        raise InputError(
            f"`{path}` holds {_NOT_TAKEN[picture.mode]}, expected 8 or 16 bits of grey, RGB or CMYK",
            "convert it to an 8-bit PNG",
        )


def _warn_of_more(path: Path, picture: Image.Image) -> None:
    # Several pictures in a JPEG are one in several sizes or brightnesses.
    if picture.format != "MPO" and getattr(picture, "is_animated", False):
        _LOG.warning("`%s` holds more than one picture, took the first; save another as PNG to use that", path)


def _unknown(path: Path) -> InputError:
    with path.open("rb") as file:
        start = file.read(12)
    if start[4:8] == b"ftyp" and start[8:] in _HEIF:
        return InputError(
            f"`{path}` is a HEIC picture, expected {_KINDS}",
            "save it as JPEG or PNG; iPhones take JPEG with Settings > Camera > Formats > Most Compatible",
        )
    return InputError(f"`{path}` is not a {_KINDS} picture", "give a picture, or convert it to PNG")


def _flatten(picture: Image.Image) -> Image.Image:
    """Return 8 bits per channel without transparency; mode L, CMYK or RGB."""
    if picture.mode.startswith("I;16"):
        # Pillow would clip 16 bits to 255 instead of scaling them.
        samples = np.asarray(picture, dtype=np.float32)
        grey = Image.fromarray((samples / 257).round().astype(np.uint8))
        grey.info = picture.info
        return grey
    if picture.has_transparency_data:
        colours = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        flat = Image.alpha_composite(white, colours).convert("RGB")
        flat.info = picture.info
        return flat
    return picture if picture.mode in {"L", "CMYK", "RGB"} else picture.convert("RGB")


def _to_srgb(path: Path, picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError) as error:
            _LOG.warning("the colour profile of `%s` cannot be used (%s), its colours are taken as sRGB", path, error)
        else:
            if converted is not None:
                return converted
    return picture.convert("RGB")
