"""The records every photo source gives: a photo, and the boxes round its fruit."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

from fruit_caption.language.questions import Kind, Value

Split = Literal["train", "validation", "test", "unseen"]

RENDERED = "rendered"
"""The source of a photo that shows nothing of any real one."""


@dataclass(frozen=True, slots=True)
class FruitBox:
    """One fruit: its kind (of `language.fruits.FRUITS`) and its box in pixels of the upright photo."""

    fruit: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo and what its boxes prove about it.

    Attributes:
        path: the picture file.
        width, height: its size in pixels, upright.
        boxes: one box per fruit.
        listed: the kinds that were looked for. Nothing is known about any other kind.
        exhaustive: whether every fruit of the listed kinds is boxed, so that a kind without
            a box is truly absent.
        count_ok: the kinds whose number of boxes is the true number; `None` trusts them all.
        group: photos of one scene share a group, and a split never cuts one.
        labels: kinds that are there although nothing is boxed, as in a folder named "apple".
            How many of anything such a photo shows is unknown.
        source: where the photo came from.
        license: the terms it may be used under.
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
        """The kinds that are there, in alphabetical order."""
        return tuple(sorted({box.fruit for box in self.boxes} | self.labels))

    def count(self, fruit: str) -> int | None:
        """How many of a kind the photo shows; `None` where the boxes can't tell."""
        if self.labels:
            return None
        boxed = sum(box.fruit == fruit for box in self.boxes)
        if boxed:
            return boxed if self.count_ok is None or fruit in self.count_ok else None
        return 0 if self.exhaustive and fruit in self.listed else None

    def counts(self) -> dict[str, int | None]:
        """The kinds that are there, each with its number or `None` where that is unknown."""
        return {fruit: self.count(fruit) for fruit in self.fruits}

    def total(self) -> int | None:
        """How many fruits of all the listed kinds together; `None` where the boxes can't tell."""
        counts = self.counts().values()
        if not self.exhaustive or None in counts:
            return None
        return len(self.boxes)


@dataclass(frozen=True)
class PhotoSet:
    """The photos of one source.

    Attributes:
        photos: those that can be used.
        listed: the kinds that were looked for.
        form: what the source is, in words.
        skipped: what could not be used, and why.
        unknown_classes: the classes that are no fruit of ours; their boxes are left out.
    """

    photos: tuple[Photo, ...]
    listed: frozenset[str]
    form: str = ""
    skipped: tuple[str, ...] = field(default=())
    unknown_classes: tuple[str, ...] = field(default=())


def intern_strings(photo: Photo) -> Photo:
    """A photo that another process told of, with each name of a fruit held once.

    Once for each photo they would be most of the memory that many photos take.
    """
    boxes = tuple(replace(box, fruit=sys.intern(box.fruit)) for box in photo.boxes)
    listed, count_ok = _once(photo.listed), photo.count_ok and _once(photo.count_ok)
    return replace(photo, boxes=boxes, listed=listed, count_ok=count_ok)


@lru_cache(maxsize=1000)
def _once(names: frozenset[str]) -> frozenset[str]:
    return names


def true_answer(photo: Photo, kind: Kind, fruit: str | None = None) -> Value | None:
    """The right answer to a question, or `None` where the boxes can't tell.

    Returns:
        int for `count` and `total`, frozenset of fruits for `identify`, bool for `presence`.
    """
    if kind == "count":
        return photo.count(fruit) if fruit else None
    if kind == "total":
        return photo.total()
    if kind == "identify":
        return frozenset(photo.fruits) if photo.exhaustive else None
    if photo.fruits if fruit is None else fruit in photo.fruits:
        return True
    listed = fruit is None or fruit in photo.listed
    return False if photo.exhaustive and listed else None
