"""Finds the pictures of VQA v2, whose files name them by numbers.

Picture 42 of `train2014` is `COCO_train2014_000000000042.jpg`. A file of questions may also have a
list `images` with the ids and names of its pictures.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fruit_caption.data.formats.coco_files import IMAGES
from fruit_caption.data.formats.coco_rows import Id, row_id
from fruit_caption.data.formats.common import find_images
from fruit_caption.data.formats.pictures import PictureFinder
from fruit_caption.utils.paths import Unusable, check_within

_SUBSET = re.compile(r"(?<![a-z])(train|val|test)(?!val)(?:-dev)?(\d{4})?", re.ASCII)
_OFFICIAL = re.compile(r"COCO_(.+)_0*(\d+)", re.ASCII)
_NUMBERED = re.compile(r"(.*?)0*(\d+)", re.ASCII)


@dataclass(frozen=True)
class _Picture:
    """A picture with a number, and the subset that its name or its folder tells."""

    path: Path
    subset: tuple[str, str] | None


class VqaPictures:
    """Finds pictures by the ids in files of questions.

    Args:
        source: Folder of the files; the pictures lie in it or in its subfolders.
    """

    def __init__(self, source: Path) -> None:
        self._source = source
        self._finder = PictureFinder(source)
        self._names: dict[Id, Any] | None = None
        self._unclear: set[Id] = set()
        self._subset: tuple[str, str] | None = None
        self._numbered: dict[int, list[_Picture]] | None = None

    def start(self, questions: Path, content: dict[str, Any]) -> VqaPictures:
        """Go on with another file of questions."""
        self._subset = _subset(str(content.get("data_subtype"))) or _subset(questions.name)
        images = content.get("images")
        rows = [row for row in images if isinstance(row, dict)] if isinstance(images, list) else []
        pairs = [(row_id(row.get("id")), row.get("file_name")) for row in rows]
        names: dict[Id, Any] = {}
        self._unclear = {
            number
            for number, name in pairs
            if number is not None and names.setdefault(number, name) != name
        }
        self._names = names if isinstance(images, list) else None
        return self

    def find(self, number: Id | None) -> Path:
        """Return the picture of an id.

        Raises:
            Unusable: There is none, or it is not clear which it is.
        """
        missing = Unusable(f"it lacks the picture of image {number}")
        if number is None:
            raise missing
        if self._names is None:
            return check_within(self._find_numbered(number, missing), self._source)
        if number in self._unclear:
            raise Unusable(f"it has two pictures with the id {number}")
        if number not in self._names:
            raise missing
        try:
            bases = [self._source / IMAGES, self._source]
            return self._finder.find(self._names[number], bases)[0]
        except Unusable as reason:
            raise Unusable(f"the picture of image {number}: {reason}") from None

    def _find_numbered(self, number: Id, missing: Unusable) -> Path:
        if self._numbered is None:
            self._numbered = _number_pictures(self._source)
        found = self._numbered.get(number, []) if isinstance(number, int) else []
        found = [picture for picture in found if _may_be_of(picture.subset, self._subset)]
        found = [picture for picture in found if picture.subset == self._subset] or found
        if not found:
            raise missing
        if len(found) > 1:
            names = " or ".join(str(other.path.relative_to(self._source)) for other in found[:2])
            raise Unusable(f"the picture of image {number} may be {names}")
        return found[0].path


def _subset(name: str) -> tuple[str, str] | None:
    """Return the split and the year in a name such as "train2014"; the year may be ""."""
    match = _SUBSET.search(name.lower())
    return (match[1], match[2] or "") if match else None


def _may_be_of(subset: tuple[str, str] | None, asked: tuple[str, str] | None) -> bool:
    if subset is None or asked is None:
        return True
    (split, year), (asked_split, asked_year) = subset, asked
    return split == asked_split and ("" in (year, asked_year) or year == asked_year)


def _number_pictures(source: Path) -> dict[int, list[_Picture]]:
    """Return the pictures of each number.

    Where pictures have the official names, only these count; else those that are called by a number
    alone; else those that end in a number.
    """
    official: dict[int, list[_Picture]] = defaultdict(list)
    plain: dict[int, list[_Picture]] = defaultdict(list)
    others: dict[int, list[_Picture]] = defaultdict(list)
    for path in find_images(source):
        subset = _subset(path.parent.name) if path.parent != source else None
        if match := _OFFICIAL.fullmatch(path.stem):
            official[int(match[2])].append(_Picture(path, _subset(match[1]) or subset))
        elif match := _NUMBERED.fullmatch(path.stem):
            kind = others if match[1] else plain
            kind[int(match[2])].append(_Picture(path, subset))
    return official or plain or others
