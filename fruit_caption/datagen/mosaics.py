"""Mosaics: two to four whole photos in one picture, so that their counts add up.

Nothing is cut off or squashed: each photo is letterboxed into its cell, and its boxes move with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.data.splits import group_of
from fruit_caption.datagen.composing import check_split, names_of, record
from fruit_caption.rendering.scenes import JPEG_QUALITY
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import atomic_write
from fruit_caption.utils.images import PADDING, open_picture
from fruit_caption.utils.progress import Progress, counted, no_progress
from fruit_caption.utils.provenance import fingerprint, has_fingerprint

GRIDS = {2: ((2, 1), (1, 2)), 3: ((2, 2),), 4: ((2, 2),)}
"""For so many photos, the grids (columns, rows) they may be put into. Three leave a cell empty."""

SAME_KIND_SHARE = 0.5
"""How many of the mosaics are of photos that share a kind: else few would show two of one."""

Cell = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


def mosaic(
    photos: Sequence[Photo],
    folder: Path,
    number: int,
    seed: int,
    size: int = 448,
    progress: Progress = no_progress,
) -> PhotoSet:
    """Write `number` JPEG files, each of two to four of `photos`, the longer side `size` pixels.

    Only photos of which all is known are used, and only such as were searched for the same kinds
    are put together: what is true of each of them, counts added up, is true of the mosaic. What
    was written before for the same arguments is kept.

    Args:
        photos: of one split, the training split as a rule.
        folder: to write to.
        number: how many to write.
        seed: which series.
        size: longer side of the pictures in pixels.
        progress: told in words what is being done.

    Raises:
        DataError: the photos are of several splits, or no two can be put together.
        PictureError: a photo can't be read.
        FruitError: the folder can't be written to.
    """
    check_split(photos)
    alike = _alike(photos)
    kinds = [_by_kind(group) for group in alike]
    made = []
    for index in counted(range(number), "putting together mosaics", progress):
        path = folder / f"mosaic_{seed}_{index:05d}.jpg"
        chosen, cells = _plan(alike, kinds, seed, index, size)
        pairs = list(zip(chosen, cells, strict=True))
        boxes = tuple(box for photo, cell in pairs for box in _moved(photo, cell))
        extent = (max(x + w for x, _, w, _ in cells), max(y + h for _, y, _, h in cells))
        mark = fingerprint(boxes, names_of(chosen), extent)
        if not has_fingerprint(path, extent, mark):
            with atomic_write(path) as draft:
                _draw(pairs, extent).save(draft, quality=JPEG_QUALITY, comment=mark)
        made.append(record(path, extent, boxes, chosen[0].listed, chosen, group_of(chosen[0])))
    listed = frozenset().union(*(group[0].listed for group in alike))
    return PhotoSet(tuple(made), listed, "mosaics of photos")


def _alike(photos: Sequence[Photo]) -> list[list[Photo]]:
    """The photos of which all is known, those searched for the same kinds together.

    Raises:
        DataError: no two belong together.
    """
    alike: dict[frozenset[str], list[Photo]] = {}
    complete = 0
    for photo in photos:
        if photo.total() is not None and photo.listed.issuperset(photo.fruits):
            alike.setdefault(photo.listed, []).append(photo)
            complete += 1
    groups = [group for group in alike.values() if len(group) > 1]
    if not groups:
        raise DataError(
            f"{complete} of {len(photos)} photos have every fruit boxed, and no two were searched "
            "for the same kinds: a mosaic needs two that were."
        )
    return groups


def _by_kind(photos: Sequence[Photo]) -> list[list[Photo]]:
    """For each kind that at least two of the photos show, those that do."""
    shown: dict[str, list[Photo]] = {}
    for photo in photos:
        for fruit in photo.fruits:
            shown.setdefault(fruit, []).append(photo)
    return [shown[fruit] for fruit in sorted(shown) if len(shown[fruit]) > 1]


def _plan(
    alike: list[list[Photo]], kinds: list[list[list[Photo]]], seed: int, index: int, size: int
) -> tuple[tuple[Photo, ...], list[Cell]]:
    """The photos of mosaic number `index` of the series `seed`, and the cell of each."""
    rng = np.random.default_rng([seed, index])
    sizes = np.array([len(group) for group in alike])
    pick = rng.choice(len(alike), p=sizes / sizes.sum())
    group = alike[pick]
    if kinds[pick] and rng.random() < SAME_KIND_SHARE:
        group = kinds[pick][rng.integers(len(kinds[pick]))]
    number = min(int(rng.integers(2, 5)), len(group))
    chosen = tuple(group[pick] for pick in rng.choice(len(group), number, replace=False))
    grids = GRIDS[number]
    columns, rows = grids[rng.integers(len(grids))]
    side = size // 2
    places = [(column * side, row * side) for row in range(rows) for column in range(columns)]
    order = rng.permutation(len(places))[:number] if number == 3 else range(number)
    return chosen, [(*places[place], side, side) for place in order]


def _fitted(photo: Photo, cell: Cell) -> Cell:
    """Where in its cell a photo is, without squashing."""
    left, top, width, height = cell
    scale = min(width / photo.width, height / photo.height)
    across, down = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    return left + (width - across) // 2, top + (height - down) // 2, across, down


def _moved(photo: Photo, cell: Cell) -> list[FruitBox]:
    """The boxes of a photo, scaled and moved with it."""
    left, top, width, height = _fitted(photo, cell)
    across, down = width / photo.width, height / photo.height
    return [
        FruitBox(
            fruit=box.fruit,
            left=left + box.left * across,
            top=top + box.top * down,
            width=box.width * across,
            height=box.height * down,
        )
        for box in photo.boxes
    ]


def _draw(pairs: Sequence[tuple[Photo, Cell]], extent: tuple[int, int]) -> Image.Image:
    """The picture of photos in their cells."""
    picture = Image.new("RGB", extent, PADDING)
    for photo, cell in pairs:
        left, top, width, height = _fitted(photo, cell)
        small = open_picture(photo.path).resize((width, height), Image.Resampling.LANCZOS)
        picture.paste(small, (left, top))
    return picture
