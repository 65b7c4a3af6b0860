"""What composed photos and mosaics have in common: both are made from a user's photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from fruit_caption.data.records import RENDERED, FruitBox, Photo
from fruit_caption.data.splits import split_of
from fruit_caption.rendering.scenes import JPEG_QUALITY
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.provenance import save_once


def require_one_split(photos: Sequence[Photo]) -> None:
    """Check that photos may be combined; across splits, test photos would leak into training.

    Raises:
        DataError: The photos belong to several splits.
    """
    splits = sorted({split_of(photo) for photo in photos})
    if len(splits) > 1:
        raise DataError(f"Photos of the splits {', '.join(splits)} can't be put into one photo.")


def file_names(photos: Sequence[Photo]) -> list[str]:
    """The file names of photos."""
    return [photo.path.name for photo in photos]


def derived_photo(
    path: Path,
    size: tuple[int, int],
    boxes: tuple[FruitBox, ...],
    listed: frozenset[str],
    sources: Sequence[Photo],
    group: str,
) -> Photo:
    """The record of a photo that was made from others.

    Args:
        path: The picture file.
        size: Width and height in pixels.
        boxes: The boxes of its fruits.
        listed: The kinds of fruit whose number is known.
        sources: The photos that it was made from.
        group: Group of one of the sources, so that it is in the same split.
    """
    names = dict.fromkeys(file_names(sources))
    licenses = sorted({photo.license or "unknown" for photo in sources})
    return Photo(
        path=path,
        width=size[0],
        height=size[1],
        boxes=boxes,
        listed=listed,
        group=group,
        source=f"composed from {', '.join(names)}" if names else RENDERED,
        license=", ".join(licenses) if names else "CC0-1.0",
    )


def save_derived(photo: Photo, mark: str, render: Callable[[], Image.Image]) -> None:
    """Write the picture of a derived photo if it is not there yet, see `provenance.save_once`.

    Args:
        photo: The photo.
        mark: Fingerprint of what the picture is made from.
        render: Makes the picture.

    Raises:
        FruitError: The file can't be written.
    """
    size = photo.width, photo.height
    save_once(photo.path, size, mark, lambda: (render(), JPEG_QUALITY))
