"""Fingerprints in generated pictures, to recognize files that need not be generated again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import open_picture


def fingerprint(*content: object) -> str:
    """Hash (16 hexadecimal digits) of the `repr` of what a picture was generated from."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def has_fingerprint(path: Path, size: tuple[int, int], expected: str) -> bool:
    """Whether a complete picture of `size` (width, height) has this fingerprint as its comment."""
    try:
        picture = open_picture(path)
    except PictureError:
        return False
    return picture.size == size and picture.info.get("comment") == expected.encode()
