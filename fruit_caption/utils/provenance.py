"""Marks in made files, so that one that is kept shows what the records say."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.images import open_picture


def fingerprint(*content: object) -> str:
    """Sixteen hexadecimal digits that stand for what a file shows."""
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def has_fingerprint(path: Path, size: tuple[int, int], mark: str) -> bool:
    """Whether a whole picture of `size` (width, height) with that mark as its comment is there."""
    try:
        picture = open_picture(path)
    except PictureError:
        return False
    return picture.size == size and picture.info.get("comment") == mark.encode()
