"""What every reader of annotated photos shares: names that stay inside, boxes that fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from fruit_caption.data.records import FruitBox
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable

ENDINGS = frozenset([".jpg", ".jpeg", ".png", ".webp", ".bmp", ".heic", ".heif"])
"""Of the files that are taken for pictures, in lower case."""

SLACK = 2.0
"""Pixels by which a box may stand out of its photo: labeling tools round."""


ClassNames = Callable[[str], str | None]
"""Gives the fruit of a class name, or `None` for a class that is no fruit of ours."""


def clip_box(
    fruit: str, left: float, top: float, right: float, bottom: float, size: tuple[int, int]
) -> FruitBox:
    """A box in pixels, clipped to its photo of `size` (width, height).

    Raises:
        Unusable: it is empty, or stands out of the photo by more than rounding does.
    """
    width, height = size
    box = f"{fruit} at {left:g}, {top:g} to {right:g}, {bottom:g}"
    if min(left, top) < -SLACK or right > width + SLACK or bottom > height + SLACK:
        raise Unusable(f"the box of {box} lies outside its {width} x {height} pixels")
    left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
    if right <= left or bottom <= top:
        raise Unusable(f"the box of {box} is empty")
    return FruitBox(fruit, left, top, right - left, bottom - top)


def skipped_line(name: object, reason: object) -> str:
    """A line of `PhotoSet.skipped`, whatever the name of the photo or its annotation holds."""
    return " ".join(f"{str(name)[:200]}: {reason}".split())


def check_size(path: Path, stated: tuple[int, int]) -> None:
    """Open a picture to see that it is whole and as large, upright, as its annotation says.

    Raises:
        PictureError: it can't be read.
        Unusable: it has another size.
    """
    size = upright_size(path)
    if size != stated:
        raise Unusable(
            f"it has {size[0]} x {size[1]} pixels, its annotation says {stated[0]} x {stated[1]}"
        )


def find_images(folder: Path) -> Iterator[Path]:
    """The pictures in a folder and its subfolders, by name; links to folders are not followed.

    Raises:
        DataError: a folder can't be looked into.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename} can't be read: {error.strerror}.")

    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=False):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in ENDINGS and not name.startswith("."):
                yield Path(place) / name
