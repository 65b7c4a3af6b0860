"""Finds pictures by file name, folder, glob pattern, URL or standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer

from PIL import Image

from fruit_caption.utils.download import MAX_PICTURE_BYTES, Downloader
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import decode_picture
from fruit_caption.utils.listing import hidden_note, is_picture, list_pictures
from fruit_caption.utils.paths import Unusable
from fruit_caption.utils.progress import Progress, no_progress

STANDARD_INPUT = "-"
"""Name that stands for standard input."""

MAX_INPUT_BYTES = 500_000_000
"""Maximum size of a picture from standard input, which may never end."""

TIMEOUT = 10
"""Seconds to wait for data from a server."""

MAX_SECONDS = 30
"""Maximum duration of a download, in seconds."""


def find_pictures(
    names: Sequence[str], progress: Progress = no_progress
) -> list[Path | Image.Image]:
    """Find the pictures that some names stand for.

    A file that does not exist or is not a picture only raises an error when it is opened.

    Args:
        names: Files; folders, which are searched recursively; patterns such as "*.jpg"; URLs that
            begin with http:// or https://; "-" for standard input.
        progress: Is told which hidden files of a folder are passed over.

    Returns:
        Paths, or images for URLs and standard input, in the order of the names. The pictures of a
        folder or pattern are sorted by path.

    Raises:
        PictureError: A folder or pattern contains no picture, or a URL can't be downloaded.
    """
    return [picture for name in names for picture in _find(name, progress)]


def names_picture(name: str) -> bool:
    """Return whether a command-line argument looks like a picture rather than a question."""
    return (
        name == STANDARD_INPUT
        or _is_url(name)
        or _exists(Path(name))
        or is_picture(name)
        or bool(glob(name, recursive=True))
    )


def _find(name: str, progress: Progress) -> Sequence[Path | Image.Image]:
    path = Path(name)
    if name == STANDARD_INPUT:
        return [decode_picture(_read_standard_input(), "standard input")]
    if _is_url(name):
        return [_download(name)]
    if path.is_dir():
        return _find_in_folder(path, progress)
    if not _exists(path) and any(character in name for character in "*?["):
        found = [Path(file) for file in glob(name, recursive=True)]
        if not found:
            raise PictureError(f"{name}: there is no such file, and no file matches this pattern.")
        return sorted(found)
    return [path]


def _find_in_folder(folder: Path, progress: Progress) -> list[Path]:
    try:
        listing = list_pictures(folder)
    except OSError as error:
        raise PictureError(f"{error.filename} can't be read: {error.strerror}.") from None
    if not listing.pictures:
        hidden = f" (hidden ones are passed over: {listing.hidden[0]})" if listing.hidden else ""
        raise PictureError(f"{folder} is a folder without pictures{hidden}.")
    if listing.hidden:
        progress(hidden_note(folder, listing.hidden))
    return sorted(listing.pictures)


def _read_standard_input() -> bytes:
    if sys.stdin is None:
        raise PictureError("Standard input is closed; name a file instead of -.")
    try:
        content = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise PictureError(f"Standard input can't be read: {error.strerror or error}.") from None
    if len(content) > MAX_INPUT_BYTES:
        raise PictureError(f"Standard input has more than {MAX_INPUT_BYTES // 1_000_000} MB.")
    return content


def _download(url: str) -> Image.Image:
    downloader = Downloader(timeout=TIMEOUT, pause=0.5)
    timer = Timer(MAX_SECONDS, downloader.stopped.set)
    timer.start()
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            downloader.save_picture(url, path)
            return decode_picture(path.read_bytes(), url)
    except Unusable as reason:
        late = f" after {MAX_SECONDS} seconds" if downloader.stopped.is_set() else ""
        limit = f"{MAX_PICTURE_BYTES // 1_000_000} MB"
        raise PictureError(
            f"{reason}{late}. Save it as a file (at most {limit}) and pass that."
        ) from None
    finally:
        timer.cancel()


def _is_url(name: str) -> bool:
    return name.lower().startswith(("http://", "https://"))


def _exists(path: Path) -> bool:
    try:
        return path != Path() and path.exists()
    except OSError:  # a question can be longer than a file name
        return False
