"""Collects the boxes of a photo, and what is no longer certain about it.

A box that can't be used, or whose class may be any fruit, is left out, but something is there: the
photo proves no total and no absence. Boxes that are annotated twice count once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from fruit_caption.data.formats.common import ClassMapping, clip_box, one_line, skip_unusable
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.utils.listing import shorten
from fruit_caption.utils.paths import Unusable

Edges = tuple[float, float, float, float]
"""Left, top, right and bottom edge of a box in pixels."""

SAME_BOX_DIGITS = 2
"""Decimal places, in pixels, to which two boxes of a fruit must agree to be the same."""

MAX_NAMES = 5
"""Number of photos or classes that a note names."""


class PhotoBoxes:
    """The boxes of one photo.

    Args:
        to_fruit: Maps class names to fruits.
        size: Width and height of the photo in pixels.

    Attributes:
        doubtful: Names of the classes with boxes that may be any fruit.
        repeated: Number of boxes that are there twice.
        left_out: The reason for each box that can't be used.
    """

    def __init__(self, to_fruit: ClassMapping, size: tuple[int, int]) -> None:
        self._to_fruit, self._size = to_fruit, size
        self._boxes: dict[tuple[object, ...], FruitBox] = {}
        self._uncounted: set[str] = set()
        self._is_unsure = False
        self.doubtful: set[str] = set()
        self.repeated = 0
        self.left_out: list[str] = []

    def add(self, class_name: str, read_edges: Callable[[], Edges]) -> None:
        """Add a box.

        Args:
            class_name: Name of its class.
            read_edges: Returns its edges or raises `Unusable`; not called if it is not a fruit.
        """
        fruit = self._to_fruit(class_name)
        if fruit is None:
            self.doubtful.add(" ".join(class_name.split())[:60] or "no name")
        elif fruit:
            try:
                box = clip_box(fruit, read_edges(), self._size)
            except Unusable as reason:
                self.left_out.append(str(reason))
                self._uncounted.add(fruit)
                return
            edges = (box.left, box.top, box.width, box.height)
            key = (fruit, *(round(edge, SAME_BOX_DIGITS) for edge in edges))
            self.repeated += key in self._boxes
            self._boxes.setdefault(key, box)

    def leave_out(self, reason: str) -> None:
        """Leave out a box of which not even the class is known."""
        self.left_out.append(reason)
        self._is_unsure = True

    def complete(self, photo: Photo) -> Photo:
        """Return the photo with these boxes, and claim nothing that they leave open.

        Raises:
            Unusable: Nothing is known about fruit in the photo, because of what is left out.
        """
        photo = replace(photo, boxes=tuple(self._boxes.values()))
        if self.doubtful or self._is_unsure:
            photo = doubt(photo)
        elif self._uncounted:
            counted = frozenset(photo.fruits) if photo.count_ok is None else photo.count_ok
            photo = replace(photo, exhaustive=False, count_ok=counted - self._uncounted)
        if photo.exhaustive or photo.fruits:
            return photo
        if self.left_out:
            raise Unusable(self.left_out[0])
        if self.doubtful:
            names = shorten(sorted(self.doubtful), MAX_NAMES)
            raise Unusable(f"it has only boxes that may be any fruit ({names})")
        return photo


def doubt(photo: Photo) -> Photo:
    """Return a photo that may show more fruit, of any kind, than its boxes."""
    return replace(photo, exhaustive=False, count_ok=frozenset())


@dataclass
class Findings:
    """What a reader tells about a folder besides its photos.

    Attributes:
        skipped: One line for each photo or annotation that is left out.
        doubtful: Number of photos with boxes of each class that may be any fruit.
        doubted: Number of photos with boxes of any such class.
        repeated: Number of boxes of each photo that are there twice.
    """

    skipped: list[str] = field(default_factory=list)
    doubtful: Counter[str] = field(default_factory=Counter)
    doubted: int = 0
    repeated: Counter[str] = field(default_factory=Counter)

    def skip(self, name: object, reason: object) -> None:
        """List something that is left out."""
        self.skipped.append(one_line(name, reason))

    @contextmanager
    def photo(self, name: object) -> Iterator[None]:
        """List a photo if the block finds it unusable."""
        with skip_unusable(name, self.skipped):
            yield

    def complete(self, photo: Photo, boxes: PhotoBoxes, name: object) -> Photo:
        """Like `PhotoBoxes.complete`; remember what is left out of the photo."""
        if boxes.doubtful:
            self.doubted += 1
            self.doubtful.update(boxes.doubtful)
        completed = boxes.complete(photo)
        for reason in boxes.left_out:
            self.skip(name, f"{reason}; this box is left out")
        if boxes.repeated:
            self.repeated[str(name)[:200]] += boxes.repeated
        return completed

    def notes(self) -> tuple[str, ...]:
        """Return `PhotoSet.notes`."""
        notes = []
        if self.repeated:
            notes.append(f"boxes that are annotated twice count once: {_list(self.repeated)}")
        if self.doubtful:
            notes.append(
                f"classes that may be any fruit: {_list(self.doubtful)}; the photos with boxes of "
                f"them ({self.doubted}) prove no number and no absence; a file of names can tell "
                "what they are"
            )
        return tuple(" ".join(note.split()) for note in notes)


def _list(numbers: Counter[str]) -> str:
    names = sorted(f"{name} ({number})" for name, number in numbers.items())
    return shorten(names, MAX_NAMES)
