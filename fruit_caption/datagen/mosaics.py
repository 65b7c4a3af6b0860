"""Mosaics: two to four whole photos in one picture, whose counts add up.

Photos are neither cropped nor distorted: each is scaled to fit its cell, and its boxes with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.data.splits import group_of
from fruit_caption.datagen.derived_photos import (
    derived_photo,
    file_names,
    require_one_split,
    save_derived,
)
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import PADDING_COLOR, open_picture
from fruit_caption.utils.progress import Progress, no_progress, report_progress
from fruit_caption.utils.provenance import fingerprint

GRIDS = {2: ((2, 1), (1, 2)), 3: ((2, 2),), 4: ((2, 2),)}
"""Possible grids (columns, rows) by number of photos; three photos leave one cell empty."""

SAME_FRUIT_PROBABILITY = 0.5
"""Probability that all photos show a common kind of fruit. At random, few of them would."""

Rectangle = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


def mosaic(
    photos: Sequence[Photo],
    folder: Path,
    number: int,
    seed: int,
    size: int = 448,
    progress: Progress = no_progress,
) -> PhotoSet:
    """Write mosaics as JPEG files.

    Only photos whose fruits are all counted are used, and only photos that were searched for the
    same kinds of fruit are combined, so that the sums of their counts are true. Files that were
    written before from the same photos are kept.

    Args:
        photos: Photos of a single split, usually the training split.
        folder: Folder to write to.
        number: Number of mosaics.
        seed: Random seed; mosaic i depends only on the seed, i and the photos.
        size: Longer side of the mosaics in pixels.
        progress: Receives status messages.

    Raises:
        DataError: The photos belong to several splits, or no two of them can be combined.
        PictureError: A photo can't be read.
        FruitError: The folder can't be written to.
    """
    require_one_split(photos)
    pools = _combinable(photos)
    subpools = [_by_fruit(pool) for pool in pools]
    mosaics = []
    for index in report_progress(range(number), "putting together mosaics", progress):
        path = folder / f"mosaic_{seed}_{index:05d}.jpg"
        chosen, cells = _plan(pools, subpools, seed, index, size)
        tiles = [(photo, _fit(photo, cell)) for photo, cell in zip(chosen, cells, strict=True)]
        boxes = tuple(box for photo, tile in tiles for box in _move_boxes(photo, tile))
        extent = (max(x + w for x, _, w, _ in cells), max(y + h for _, y, _, h in cells))
        made = derived_photo(path, extent, boxes, chosen[0].listed, chosen, group_of(chosen[0]))
        mark = fingerprint(boxes, file_names(chosen), extent)
        save_derived(made, mark, partial(_draw, tiles, extent))
        mosaics.append(made)
    listed = frozenset().union(*(pool[0].listed for pool in pools))
    return PhotoSet(tuple(mosaics), listed, "mosaics of photos")


def _combinable(photos: Sequence[Photo]) -> list[list[Photo]]:
    """Group the fully counted photos by the kinds of fruit that they were searched for."""
    groups: dict[frozenset[str], list[Photo]] = {}
    complete = 0
    for photo in photos:
        if photo.total() is not None and photo.listed.issuperset(photo.fruits):
            groups.setdefault(photo.listed, []).append(photo)
            complete += 1
    pools = [group for group in groups.values() if len(group) > 1]
    if not pools:
        raise DataError(
            f"{complete} of {len(photos)} photos have every fruit boxed, and no two were searched "
            "for the same kinds: a mosaic needs two that were."
        )
    return pools


def _by_fruit(photos: Sequence[Photo]) -> list[list[Photo]]:
    """For each kind of fruit that at least two photos show, these photos."""
    by_fruit: dict[str, list[Photo]] = {}
    for photo in photos:
        for fruit in photo.fruits:
            by_fruit.setdefault(fruit, []).append(photo)
    return [by_fruit[fruit] for fruit in sorted(by_fruit) if len(by_fruit[fruit]) > 1]


def _plan(
    pools: list[list[Photo]], subpools: list[list[list[Photo]]], seed: int, index: int, size: int
) -> tuple[list[Photo], list[Rectangle]]:
    """Choose the photos of a mosaic from a pool or subpool, and a cell for each of them."""
    rng = np.random.default_rng([seed, index])
    sizes = np.array([len(pool) for pool in pools])
    pick = rng.choice(len(pools), p=sizes / sizes.sum())
    pool = pools[pick]
    if subpools[pick] and rng.random() < SAME_FRUIT_PROBABILITY:
        pool = subpools[pick][rng.integers(len(subpools[pick]))]
    number = min(int(rng.integers(2, 5)), len(pool))
    chosen = [pool[pick] for pick in rng.choice(len(pool), number, replace=False)]
    grids = GRIDS[number]
    columns, rows = grids[rng.integers(len(grids))]
    side = size // 2
    corners = [(column * side, row * side) for row in range(rows) for column in range(columns)]
    order = rng.permutation(len(corners))[:number] if number == 3 else range(number)
    return chosen, [(*corners[corner], side, side) for corner in order]


def _fit(photo: Photo, cell: Rectangle) -> Rectangle:
    """The largest rectangle of the photo's aspect ratio in the center of a cell."""
    left, top, width, height = cell
    scale = min(width / photo.width, height / photo.height)
    across, down = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
    return left + (width - across) // 2, top + (height - down) // 2, across, down


def _move_boxes(photo: Photo, tile: Rectangle) -> list[FruitBox]:
    """The boxes of a photo that is drawn into a rectangle."""
    left, top, width, height = tile
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


def _draw(tiles: Sequence[tuple[Photo, Rectangle]], extent: tuple[int, int]) -> Image.Image:
    picture = Image.new("RGB", extent, PADDING_COLOR)
    for photo, (left, top, width, height) in tiles:
        small = open_picture(photo.path).resize((width, height), Image.Resampling.LANCZOS)
        picture.paste(small, (left, top))
    return picture
