"""Finds the pictures that a person names: files, folders, patterns, addresses, standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

from PIL import Image

from fruit_caption.utils.download import MAX_BYTES, Web
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import decode_picture
from fruit_caption.utils.paths import Unusable

STANDARD_INPUT = "-"
SILENT, IN_ALL = 10, 30
"""Seconds that a server may be no_progress, and that a picture may take to arrive."""


def find_pictures(names: Sequence[str]) -> list[Path | Image.Image]:
    """The pictures that are meant by some names, each name's in the order of the alphabet.

    Args:
        names: files; folders, with all that lies in them; patterns such as "*.jpg"; addresses that
            begin with http:// or https://; "-" for standard input.

    Raises:
        PictureError: a name stands for no picture, or an address can't be had. That a file exists
            and is a picture is checked when it is opened.
    """
    return [picture for name in names for picture in _find(name)]


def names_picture(name: str) -> bool:
    """Whether a person who writes this means a picture, rather than a question."""
    return (
        name == STANDARD_INPUT
        or _is_address(name)
        or _exists(Path(name))
        or Path(name).suffix.lower() in _suffixes()
        or bool(glob(name, recursive=True))
    )


def _find(name: str) -> Sequence[Path | Image.Image]:
    path = Path(name)
    if name == STANDARD_INPUT:
        return [decode_picture(sys.stdin.buffer.read(), "standard input")]
    if _is_address(name):
        return [_fetch(name)]
    if path.is_dir():
        found = [each for each in path.rglob("*") if each.suffix.lower() in _suffixes()]
        if not found:
            raise PictureError(f"{name} is a folder without a picture.")
        return sorted(found)
    if not _exists(path) and any(sign in name for sign in "*?["):
        matching = [Path(each) for each in glob(name, recursive=True)]
        if not matching:
            raise PictureError(f"{name}: there is no such file, and none of this pattern.")
        return sorted(matching)
    return [path]


def _fetch(address: str) -> Image.Image:
    web = Web(timeout=SILENT, pause=0.5)
    in_time = Timer(IN_ALL, web.stopped.set)
    in_time.start()
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            web.picture(address, path)
            return decode_picture(path.read_bytes(), address)
    except Unusable as reason:
        late = f" within {IN_ALL} seconds" if web.stopped.is_set() else ""
        limit = f"{MAX_BYTES // 1_000_000} MB"
        raise PictureError(
            f"{reason}{late}; save it (at most {limit}) and name the file."
        ) from None
    finally:
        in_time.cancel()


def _is_address(name: str) -> bool:
    return name.lower().startswith(("http://", "https://"))


def _exists(path: Path) -> bool:
    try:
        return path != Path() and path.exists()
    except OSError:  # a question may be longer than a name can be
        return False


@cache
def _suffixes() -> frozenset[str]:
    """How the names of files end that Pillow can open."""
    endings = Image.registered_extensions()
    return frozenset(ending for ending, form in endings.items() if form in Image.OPEN)
