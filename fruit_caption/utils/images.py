"""Opens picture files as upright RGB, and letterboxes them into the model's square input."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from stat import S_ISREG

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.paths import Unusable

MAX_PIXELS = 100_000_000
"""Maximum number of pixels: a file of a few kilobytes can decompress to gigabytes."""

MAX_PIXELS_VARIABLE = "FRUIT_MAX_PIXELS"
"""Environment variable that overrides `MAX_PIXELS`."""

PictureInput = str | Path | bytes | Image.Image | np.ndarray
"""Anything that `to_picture` accepts."""

READABLE_BY = {
    "HEIC": "which needs an extra package: pip install 'fruit-caption[heic]'",
    "AVIF": "which this version of Pillow can't read: pip install --upgrade pillow",
    "JPEG XL": "which can't be read; save it as JPEG",
}
"""Formats that can be recognized but perhaps not read, and what to do about it."""

HEADER_BYTES = 64
"""Number of bytes at the beginning of a file that tell these formats."""

UNNAMED = "the picture"
"""Name used in error messages for a picture without a file name."""

WRITE_ONLY = frozenset(["PDF", "PALM"])
"""Formats that Pillow can write but not open. It opens MPO, which it does not list, as JPEG."""

UNREADABLE = frozenset(
    ".heic .heif .hif .heics .heifs .avif .avifs .jxl "  # for HEIC there is an extra
    ".dng .cr2 .cr3 .nef .arw .raf .orf .rw2".split()  # raw files of cameras
)
"""Suffixes of pictures that Pillow, or some installations of it, can't open."""

PADDING_COLOR = (124, 116, 104)
"""ImageNet's mean color: neutral to a pretrained network."""


@cache
def image_suffixes() -> frozenset[str]:
    """File name suffixes of pictures, such as ".jpg", in lower case.

    They are those of all formats that Pillow knows and does not only write. Pictures that it can't
    open are included as well, so that they are reported as unreadable instead of being overlooked.
    """
    known = Image.registered_extensions().items()
    return frozenset({suffix for suffix, name in known if name not in WRITE_ONLY} | UNREADABLE)


def open_picture(path: Path, min_side: int | None = None) -> Image.Image:
    """Read a picture as upright RGB; of an animation, the first frame.

    Transparent pixels become white; 16-bit and CMYK pictures are converted.

    Args:
        path: The picture file.
        min_side: Length in pixels of both sides that is enough. A JPEG file with more pixels may be
            decoded at a half, a quarter or an eighth of its size, which is faster.

    Raises:
        PictureError: The file is missing, not a picture, truncated, too large, or in a format that
            needs a package that is not installed.
    """
    with _translate_errors(str(path)):
        # Opening a named pipe would block until something writes to it.
        if not S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise PictureError(f"{path} is not a regular file.")
        with _open(path) as picture:
            return _upright_rgb(picture, str(path), min_side)


def decode_picture(content: bytes, name: str) -> Image.Image:
    """Like `open_picture`, for the content of a file.

    The name is used in error messages and kept as the picture's `filename`.
    """
    with _translate_errors(name), _open(BytesIO(content)) as picture:
        upright = _upright_rgb(picture, name)
    upright.filename = name  # type: ignore[attr-defined]
    return upright


def to_picture(source: PictureInput) -> Image.Image:
    """Like `open_picture`, for anything that can hold a picture.

    Args:
        source: File path, content of a file as bytes, Pillow image, or uint8 pixels of shape
            (height, width) for gray, (height, width, 3) for RGB or (height, width, 4) for RGBA.

    Raises:
        PictureError: The file does not exist, or the source is not a picture.
    """
    if isinstance(source, (str, Path)):
        return open_picture(Path(source))
    if isinstance(source, bytes):
        return decode_picture(source, UNNAMED)
    if isinstance(source, np.ndarray):
        is_image_shape = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
        if source.dtype != np.uint8 or not is_image_shape:
            raise PictureError(
                f"an array of {source.dtype} {source.shape} is not a picture; use uint8 of shape "
                "(height, width), (height, width, 3) or (height, width, 4)."
            )
        if 0 in source.shape:
            raise PictureError(f"an array of shape {source.shape} has no pixels.")
        source = Image.fromarray(source)
    if not isinstance(source, Image.Image):
        raise PictureError(
            f"{type(source).__name__} is not a picture; use a path, bytes, an image or an array."
        )
    with _translate_errors(UNNAMED):
        return _upright_rgb(source, UNNAMED)


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of the picture that `open_picture` returns; raises the same."""
    return open_picture(path).size


def letterbox(picture: Image.Image, size: int) -> np.ndarray:
    """Fit a picture into a square without changing its aspect ratio; the rest is padding.

    Args:
        picture: RGB picture of any size.
        size: Side of the square in pixels.

    Returns:
        uint8 pixels of shape (size, size, 3) with the picture in the center.
    """
    square = Image.new("RGB", (size, size), PADDING_COLOR)
    offset = letterbox_offset(picture.width, picture.height, size)
    square.paste(resize_longer_side(picture, size), offset)
    return np.asarray(square)


def resize_longer_side(picture: Image.Image, size: int) -> Image.Image:
    """Scale a picture so that its longer side has `size` pixels."""
    return picture.resize(
        _scaled_size(picture.width, picture.height, size), Image.Resampling.BILINEAR
    )


def letterbox_offset(width: int, height: int, size: int) -> tuple[int, int]:
    """Left and top offset in pixels of a (width, height) picture in its letterbox of `size`."""
    across, down = _scaled_size(width, height, size)
    return (size - across) // 2, (size - down) // 2


def _scaled_size(width: int, height: int, longer_side: int) -> tuple[int, int]:
    scale = longer_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _open(source: Path | BytesIO) -> Image.Image:
    """Like `Image.open`; reads HEIC if pillow-heif is installed.

    Raises:
        Unusable: The picture has a format that can't be read, but could be.
    """
    try:
        return Image.open(source)
    except UnidentifiedImageError:
        if isinstance(source, Path):
            with source.open("rb") as file:
                header = file.read(HEADER_BYTES)
        else:
            header = source.getvalue()[:HEADER_BYTES]
        family = _format_family(header)
        if family == "HEIC" and _register_heif():
            return Image.open(source)
        if family:
            raise Unusable(f"{family}, {READABLE_BY[family]}") from None
        raise


def _format_family(header: bytes) -> str | None:
    """Return the format of the first bytes of a file if it is one of `READABLE_BY`."""
    if header[:2] == b"\xff\x0a" or header[4:8] == b"JXL ":
        return "JPEG XL"
    if header[4:8] != b"ftyp":
        return None
    brands = header[8 : int.from_bytes(header[:4], "big")]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    is_heic = any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"mif1"))
    return "HEIC" if is_heic else None


@cache
def _register_heif() -> bool:
    """Let Pillow read HEIC, and return whether it can; pillow-heif is optional."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    """Turn the many exceptions of Pillow into a `PictureError` with one line."""
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata, which is harmless, and about size, checked below.
            warnings.simplefilter("ignore")
            yield
    except FileNotFoundError:
        raise PictureError(f"{name}: there is no such file.") from None
    except IsADirectoryError:
        raise PictureError(f"{name} is a folder; name a picture in it.") from None
    except PermissionError:
        raise PictureError(f"{name} can't be read: permission denied.") from None
    except Image.DecompressionBombError:
        raise PictureError(f"{name} has far too many pixels; scale it down.") from None
    except Unusable as reason:
        raise PictureError(f"{name} has the format {reason}.") from None
    except UnidentifiedImageError:
        raise PictureError(f"{name} is not a picture that can be read (JPEG, PNG …).") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        if any(missing in str(error) for missing in ("cannot find loader", "Ghostscript")):
            raise PictureError(f"{name} has a format that Pillow can't read alone.") from None
        # Pillow raises all of these for truncated or corrupt files.
        raise PictureError(f"{name} is broken or cut off ({error}); save it again.") from None


def _upright_rgb(picture: Image.Image, name: str, min_side: int | None = None) -> Image.Image:
    width, height = picture.size
    limit = _max_pixels()
    if width * height > limit:
        raise PictureError(
            f"{name} has {width} x {height} pixels; scale it down to at most {limit / 1e6:g} "
            f"million, or set {MAX_PIXELS_VARIABLE}."
        )
    if min_side:
        picture.draft(None, (min_side, min_side))
    picture.load()
    return _to_rgb(ImageOps.exif_transpose(picture))


def _max_pixels() -> int:
    value = os.environ.get(MAX_PIXELS_VARIABLE, str(MAX_PIXELS))
    if not value.isdecimal():
        raise PictureError(f"{MAX_PIXELS_VARIABLE} must be a number of pixels, not {value!r}.")
    return int(value)


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _scale_to_8_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


def _scale_to_8_bits(picture: Image.Image) -> Image.Image:
    """Scale gray values to 0-255; Pillow would clip them, which turns most photos white.

    White is 65535 in 16-bit modes. In the modes "I" and "F", whose range is not fixed, it is the
    smallest usual maximum (1, 255 or 65535) that no value exceeds.
    """
    gray = np.nan_to_num(np.asarray(picture, dtype="float64"))
    brightest = float(gray.max(initial=1.0))
    maxima = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}.get(picture.mode, (65535.0,))
    white = next((value for value in maxima if brightest <= value), brightest)
    return Image.fromarray((gray.clip(0, white) * (255.0 / white)).astype("uint8")).convert("RGB")
