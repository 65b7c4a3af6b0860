"""Reads the lists of Pascal VOC that say which photos are for training and which for testing.

FOLDER/ImageSets/Main/train.txt     one photo per line, without suffix: 2008_000001
FOLDER/ImageSets/Main/val.txt
FOLDER/JPEGImages/2008_000001.jpg
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from fruit_caption.data.formats.pictures import fold
from fruit_caption.data.records import Split
from fruit_caption.data.splits import split_named
from fruit_caption.utils.files import read_text

LISTS = "ImageSets/Main/*.txt"
"""The lists, of which only those named after a split are read."""


def read_image_sets(folder: Path, pictures: Iterable[Path]) -> dict[Path, Split]:
    """Return the splits of the pictures that are in a list; none where a line may mean two.

    Args:
        folder: The folder.
        pictures: Its pictures, relative to it.

    Raises:
        DataError: A list can't be read.
    """
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for picture in pictures:
        by_stem[fold(picture.stem)].append(picture)
    splits: dict[Path, Split] = {}
    for path in sorted(folder.rglob(LISTS)):
        if not (split := split_named(path.stem)):
            continue
        home = path.parents[2].relative_to(folder)
        for line in filter(None, map(str.strip, read_text(path).splitlines())):
            name = PurePosixPath(line)
            found = [
                picture
                for picture in by_stem.get(fold(name.name), [])
                if picture.is_relative_to(home) and _ends_with(picture.parent, name.parent)
            ]
            if len(found) == 1:
                splits.setdefault(found[0], split)
    return splits


def _ends_with(folder: Path, end: PurePosixPath) -> bool:
    return not end.parts or folder.parts[-len(end.parts) :] == end.parts
