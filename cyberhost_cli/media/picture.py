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

from cyberhost_cli.config.schema import PictureConfig
from cyberhost_cli.errors import InputError, UsageError
from cyberhost_cli.media.atomic import atomic_file
from cyberhost_cli.media.source import check_source
from cyberhost_cli.types import Pixels

_LOG = logging.getLogger(__name__)
_READ = ("PNG", "JPEG", "WEBP", "GIF")
_WRITTEN = (".png", ".jpg", ".jpeg", ".webp")


def read_picture(path: Path, config: PictureConfig) -> Pixels:
    """Read the first frame of a PNG, JPEG, WebP or GIF, upright and in sRGB.

    Transparent parts are laid over white, as viewers and browsers show them.

    Raises:
        InputError: Missing, damaged, not one of these formats, too small or too large.
    """
    check_source(path, "picture")
    with _explained(path), Image.open(path, formats=_READ) as picture:
        _check_size(path, picture, config)
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
        raise InputError(
            f"`{path}` is not a PNG, JPEG, WebP or GIF picture", "give a picture, or convert it to PNG"
        ) from error
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


def _flatten(picture: Image.Image) -> Image.Image:
    """Return 8 bits per channel without transparency; mode L, CMYK or RGB."""
    if picture.mode.startswith("I"):
        # Pillow would clip 16 bits to 255 instead of scaling them.
        samples = np.asarray(picture, dtype=np.float32)
        return Image.fromarray((samples / 257).round().clip(0, 255).astype(np.uint8))
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
