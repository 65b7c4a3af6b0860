"""Helpers that the readers of annotated photos share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fruit_caption.data.records import FruitBox
from fruit_caption.utils.errors import DataError, PictureError
from fruit_caption.utils.listing import Listing, list_pictures
from fruit_caption.utils.paths import Unusable

BOX_TOLERANCE = 2.0
"""Number of pixels by which a box may exceed its photo, because labeling tools round."""

ClassMapping = Callable[[str], str | None]
"""Maps a class name to a fruit, to `NOT_FRUIT`, or to None if the class may be any fruit."""


def map_classes(
    classes: Iterable[str], to_fruit: ClassMapping
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the fruits among some classes, and the sorted names of all other classes."""
    fruits = {name: to_fruit(name) for name in classes}
    unknown = sorted(name for name, fruit in fruits.items() if not fruit)
    return frozenset(fruit for fruit in fruits.values() if fruit), tuple(unknown)


def no_fruit_class(path: Path, classes: Sequence[str]) -> DataError:
    """Return the error for annotations without any class that is a known fruit."""
    names = ", ".join(classes[:5]) or "there is no class"
    return DataError(f"{path}: none of its classes is a known fruit ({names}).", "no-fruit-class")


def clip_box(
    fruit: str, edges: tuple[float, float, float, float], size: tuple[int, int]
) -> FruitBox:
    """Return a box, clipped to its photo.

    Args:
        fruit: Name of the fruit.
        edges: Left, top, right and bottom edge in pixels.
        size: Width and height of the photo in pixels.

    Raises:
        Unusable: The box is empty or exceeds the photo by more than `BOX_TOLERANCE`.
    """
    (left, top, right, bottom), (width, height) = edges, size
    box = f"the box of {fruit or 'another class'} at {left:g}, {top:g} to {right:g}, {bottom:g}"
    slack = BOX_TOLERANCE
    if min(left, top) < -slack or right > width + slack or bottom > height + slack:
        raise Unusable(f"{box} lies outside the photo of {width} x {height} pixels")
    left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
    if right <= left or bottom <= top:
        raise Unusable(f"{box} is empty")
    return FruitBox(fruit, left, top, right - left, bottom - top)


def one_line(name: object, reason: object) -> str:
    """Return "name: reason" in one line."""
    return " ".join(f"{str(name)[:200]}: {reason}".split())


@contextmanager
def skip_unusable(name: object, skipped: list[str]) -> Iterator[None]:
    """Append "name: reason" to `skipped`, in one line, if the block finds a photo unusable."""
    try:
        yield
    except (Unusable, PictureError) as reason:
        skipped.append(one_line(name, reason))


def check_size(own: tuple[int, int], size: tuple[int, int]) -> None:
    """Check that a picture has the annotated width and height.

    Raises:
        Unusable: It has another size.
    """
    if own != size:
        raise Unusable(
            f"it has {own[0]} x {own[1]} pixels, but its annotation says {size[0]} x {size[1]}"
        )


def find_images(folder: Path) -> list[Path]:
    """Return the pictures in a folder and its subfolders, see `listing.list_pictures`.

    Raises:
        DataError: A folder can't be read.
    """
    return _list(folder).pictures


def find_files(folder: Path, suffix: str) -> list[Path]:
    """Like `find_images`, for the files with another suffix (in lower case), sorted by path."""
    return sorted(path for path in _list(folder).others if path.suffix.lower() == suffix)


def _list(folder: Path) -> Listing:
    try:
        return list_pictures(folder)
    except OSError as error:
        raise DataError(f"{error.filename} can't be read: {error.strerror}.") from None
