"""The core records: a photo, the boxes of its fruits, and a set of photos.

A data set may have boxes for some fruits only, or one box for a whole bunch. A `Photo` therefore
answers `None` ("unknown") to every question that its boxes don't settle.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from fruit_caption.language.questions import Kind, Value

Split = Literal["train", "validation", "test", "unseen"]
"""A part of a data set. "unseen" is a second test set, from sources that no other split uses."""

RENDERED = "rendered"
"""The `Photo.source` of synthetic scenes, and of compositions without any real photo."""


@dataclass(frozen=True, slots=True)
class FruitBox:
    """The bounding box of one fruit.

    Attributes:
        fruit: Name of the fruit, one of `language.fruits.FRUITS`.
        left, top: Upper left corner, in pixels of the upright photo.
        width, height: Size in pixels.
    """

    fruit: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and what is known about the fruits in it.

    Attributes:
        path: The picture file.
        width, height: Size of the upright photo in pixels.
        boxes: One box per fruit, or per bunch for fruits that are not in `count_ok`.
        listed: Fruits that the annotators looked for. Nothing is known about other fruits.
        exhaustive: Whether every fruit of the listed kinds has a box, so that a listed fruit
            without a box is absent.
        count_ok: Fruits whose number of boxes is the number of fruits; None means all fruits.
        group: Photos of the same scene have the same group and are never in different splits.
        labels: Fruits that are present but have no boxes, as in a folder named "apple". All counts
            of such a photo are unknown.
        source: Where the photo comes from.
        license: Terms under which the photo may be used.
    """

    path: Path
    width: int
    height: int
    boxes: tuple[FruitBox, ...] = ()
    listed: frozenset[str] = frozenset()
    exhaustive: bool = True
    count_ok: frozenset[str] | None = None
    group: str = ""
    labels: frozenset[str] = frozenset()
    source: str = ""
    license: str = ""

    @property
    def fruits(self) -> tuple[str, ...]:
        """The fruits that are present, in alphabetical order."""
        return tuple(sorted({box.fruit for box in self.boxes} | self.labels))

    def count(self, fruit: str) -> int | None:
        """Return the number of fruits of one kind, or None if it is unknown."""
        if self.labels:
            return None
        boxes = sum(box.fruit == fruit for box in self.boxes)
        if boxes:
            return boxes if self.count_ok is None or fruit in self.count_ok else None
        return 0 if self.exhaustive and fruit in self.listed else None

    def counts(self) -> dict[str, int | None]:
        """Return the number of fruits of each kind that is present, or None if it is unknown."""
        return {fruit: self.count(fruit) for fruit in self.fruits}

    def total(self) -> int | None:
        """Return the number of all fruits of the listed kinds, or None if it is unknown."""
        if not self.exhaustive or None in self.counts().values():
            return None
        return len(self.boxes)

    def true_answer(self, kind: Kind, fruit: str | None = None) -> Value | None:
        """Return the correct answer to a question about this photo.

        Args:
            kind: What the question asks for.
            fruit: The fruit that it asks about. "presence" without one asks for any fruit.

        Returns:
            An int for "count" and "total", a frozenset of fruits for "identify" and a bool for
            "presence"; None if the answer is unknown.
        """
        if kind == "count":
            return self.count(fruit) if fruit else None
        if kind == "total":
            return self.total()
        if kind == "identify":
            return frozenset(self.fruits) if self.exhaustive else None
        if self.fruits if fruit is None else fruit in self.fruits:
            return True
        was_looked_for = fruit is None or fruit in self.listed
        return False if self.exhaustive and was_looked_for else None


@dataclass(frozen=True)
class PhotoSet:
    """The photos of one source.

    Attributes:
        photos: The usable photos.
        listed: Fruits that the annotators of this source looked for.
        format: Name of the source's format, such as "COCO".
        skipped: One line for each photo or annotation that can't be used, with the reason.
        unknown_classes: Names of the classes that are not a known fruit; their boxes are ignored.
        notes: One line for each thing besides these that the user should know.
    """

    photos: tuple[Photo, ...]
    listed: frozenset[str]
    format: str = ""
    skipped: tuple[str, ...] = ()
    unknown_classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def intern_strings(photo: Photo) -> Photo:
    """Return an equal photo that shares its fruit names with all other interned photos.

    Photos that come from worker processes have copies of their own, which would take up most of
    the memory of a large data set.
    """
    boxes = tuple(replace(box, fruit=sys.intern(box.fruit)) for box in photo.boxes)
    listed, count_ok = _intern_set(photo.listed), photo.count_ok and _intern_set(photo.count_ok)
    return replace(photo, boxes=boxes, listed=listed, count_ok=count_ok)


@lru_cache(maxsize=1000)
def _intern_set(names: frozenset[str]) -> frozenset[str]:
    return names
