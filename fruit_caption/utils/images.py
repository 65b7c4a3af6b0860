"""Opens a picture file the way a person sees it, and fits it into the square the model looks at."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from stat import S_ISREG

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fruit_caption.utils.errors import PictureError

MAX_PIXELS = 100_000_000
"""Larger pictures are refused: a few kilobytes of file can unpack to gigabytes of pixels."""

PIXELS_SETTING = "FRUIT_MAX_PIXELS"
"""The environment variable that sets another limit."""

Picture = str | Path | Image.Image | np.ndarray
"""A picture as a program may have it: see `to_picture`."""
UNNAMED = "the picture"

PADDING = (124, 116, 104)
"""The mean color of ImageNet: padding that is nothing special to a pretrained network."""


def open_picture(path: Path) -> Image.Image:
    """Read a picture as upright RGB; of an animation, the first frame.

    Transparent parts are shown on white, 16-bit and CMYK pictures are converted.

    Raises:
        PictureError: the file is missing, no picture, cut off, or too large.
    """
    with _clear_errors(str(path)):
        if not S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise PictureError(f"{path} is no file; a pipe may go on for ever.")
        with Image.open(path) as picture:
            return _upright_rgb(picture, str(path))


def decode_picture(content: bytes, name: str) -> Image.Image:
    """The same from the content of a file; a message calls it by the name given."""
    with _clear_errors(name), Image.open(BytesIO(content)) as picture:
        upright = _upright_rgb(picture, name)
    # Pillow notes the name of a file that it opens here, too.
    upright.filename = name  # type: ignore[attr-defined]
    return upright


def to_picture(given: Picture) -> Image.Image:
    """The same from whatever a program has.

    Args:
        given: the path of a file, a Pillow image, or pixels: uint8 (height, width) gray,
            (height, width, 3) RGB or (height, width, 4) RGBA.

    Raises:
        PictureError: there is no such file, or this is no picture.
    """
    if isinstance(given, (str, Path)):
        return open_picture(Path(given))
    if isinstance(given, np.ndarray):
        channels = given.shape[2:]
        if given.dtype != np.uint8 or given.ndim not in (2, 3) or channels not in ((), (3,), (4,)):
            raise PictureError(
                f"an array of {given.dtype} {given.shape} is no picture; give uint8 of shape "
                "(height, width), (height, width, 3) or (height, width, 4)."
            )
        if 0 in given.shape:
            raise PictureError(f"an array of shape {given.shape} holds no pixels.")
        given = Image.fromarray(given)
    if not isinstance(given, Image.Image):
        raise PictureError(f"{type(given).__name__} is no picture; give a path, image or array.")
    with _clear_errors(UNNAMED):
        return _upright_rgb(given, UNNAMED)


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of a picture as `open_picture` gives it; raises the same."""
    return open_picture(path).size


def letterbox(picture: Image.Image, size: int) -> np.ndarray:
    """Fit a picture into a square without squashing it; the rest is padding.

    Args:
        picture: RGB, any size.
        size: the side of the square in pixels.

    Returns:
        uint8 pixels of shape (size, size, 3), the picture in the middle.
    """
    square = Image.new("RGB", (size, size), PADDING)
    square.paste(fit(picture, size), letterbox_offset(picture.width, picture.height, size))
    return np.asarray(square)


def fit(picture: Image.Image, size: int) -> Image.Image:
    """Scale a picture so that its longer side has `size` pixels."""
    scale = size / max(picture.size)
    return picture.resize(
        (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))),
        Image.Resampling.BILINEAR,
    )


def letterbox_offset(width: int, height: int, size: int) -> tuple[int, int]:
    """Where `letterbox` puts the left upper corner of a (width, height) picture, in pixels."""
    scale = size / max(width, height)
    return (size - max(1, round(width * scale))) // 2, (size - max(1, round(height * scale))) // 2


@contextmanager
def _clear_errors(name: str) -> Iterator[None]:
    """Say in one line, by the picture's name, what Pillow says in its many ways."""
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata, which does no harm, and about size, which we check.
            warnings.simplefilter("ignore")
            yield
    except FileNotFoundError:
        raise PictureError(f"{name}: there is no such file.") from None
    except IsADirectoryError:
        raise PictureError(f"{name} is a folder; name a picture in it.") from None
    except PermissionError:
        raise PictureError(f"{name} may not be read; check its permissions.") from None
    except Image.DecompressionBombError:
        raise PictureError(f"{name} has far too many pixels; scale it down.") from None
    except UnidentifiedImageError:
        raise PictureError(f"{name} is not a picture that can be read (JPEG, PNG …).") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        # Pillow raises all of these for files that are cut off or broken inside.
        raise PictureError(f"{name} is broken or cut off ({error}); save it again.") from None


def _upright_rgb(picture: Image.Image, name: str) -> Image.Image:
    width, height = picture.size
    most = _most_pixels()
    if width * height > most:
        raise PictureError(
            f"{name} has {width} x {height} pixels; scale it down to at most {most / 1e6:g} "
            f"million, or set {PIXELS_SETTING}."
        )
    picture.load()
    return _to_rgb(ImageOps.exif_transpose(picture))


def _most_pixels() -> int:
    told = os.environ.get(PIXELS_SETTING, str(MAX_PIXELS))
    if not told.isdecimal():
        raise PictureError(f"{PIXELS_SETTING} must be a number of pixels, not {told!r}.")
    return int(told)


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _scale_to_8_bits(picture)
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered).convert(
            "RGB"
        )
    return picture.convert("RGB")


def _scale_to_8_bits(picture: Image.Image) -> Image.Image:
    """Pillow clips deep gray to 255, which turns most photos white: scale it instead.

    16 bits end at 65535. Where a number may be anything, white is the end of the fewest bits that
    hold the brightest.
    """
    gray = np.nan_to_num(np.asarray(picture, dtype="float64"))
    brightest = float(gray.max(initial=1.0))
    ends = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
    depth = next((end for end in ends if brightest <= end), brightest)
    if picture.mode.startswith("I;16"):
        depth = 65535.0
    return Image.fromarray((gray.clip(0, depth) * (255.0 / depth)).astype("uint8")).convert("RGB")
