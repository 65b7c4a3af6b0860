"""Fingerprints in generated pictures, to recognize files that need not be generated again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.images import open_picture


def fingerprint(*content: object) -> str:
    """Hash (16 hexadecimal digits) of the `repr` of what a picture was generated from."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def save_once(
    path: Path, size: tuple[int, int], mark: str, render: Callable[[], tuple[Image.Image, int]]
) -> None:
    """Write a generated picture as a JPEG file, unless a complete one with its fingerprint exists.

    Args:
        path: The file.
        size: Width and height of the picture in pixels.
        mark: Fingerprint of what the picture is generated from, stored as the JPEG comment.
        render: Returns the picture and its JPEG quality; called only if it is needed.

    Raises:
        FruitError: The file can't be written.
    """
    if not has_fingerprint(path, size, mark):
        picture, quality = render()
        with atomic_write(path) as draft:
            picture.save(draft, quality=quality, comment=mark)


def has_fingerprint(path: Path, size: tuple[int, int], expected: str) -> bool:
    """Whether a complete picture of `size` (width, height) has this fingerprint as its comment."""
    try:
        picture = open_picture(path)
    except PictureError:
        return False
    return picture.size == size and picture.info.get("comment") == expected.encode()
