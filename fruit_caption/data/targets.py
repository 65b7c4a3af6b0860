"""Training targets of the detector: where each fruit is centered, and which kind it is.

What a photo doesn't tell is not taught. The weights of the targets are zero where nothing is known:
outside the boxes of a photo whose boxes are incomplete, and inside the box of a bunch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fruit_caption.data.augmentation import IDENTITY, Box, View, letterbox_boxes, view_box
from fruit_caption.data.records import Photo

PEAK_WIDTH = 0.1
"""Standard deviation of the Gaussian peak of a fruit, as a share of the sides of its box."""

MIN_PEAK_WIDTH = 0.7
"""Minimum standard deviation of a peak, in cells."""

MIN_KIND_PEAK = 0.2
"""The kind is taught where the peak of a fruit is higher than this."""


class ShownFruit(NamedTuple):
    """A fruit, or a bunch of fruit, in a view.

    Attributes:
        fruit: Name of the fruit.
        box: Where it is.
        is_single: True for one fruit, False for a bunch.
    """

    fruit: str
    box: Box
    is_single: bool


@dataclass(frozen=True)
class Shown:
    """What is known about the fruits in a view.

    Attributes:
        fruits: The fruits with boxes.
        complete: Whether there are no other fruits.
        labels: Fruits that are present but have no boxes.
    """

    fruits: tuple[ShownFruit, ...] = ()
    complete: bool = False
    labels: frozenset[str] = frozenset()


class Targets(NamedTuple):
    """Targets for one view.

    Attributes:
        center: 1 in the cell of each center, falling off around it, float32 (rows, columns, 1).
        center_weight: Weight of each cell, float32 (rows, columns).
        kind: Index of the kind of fruit in each cell, int32 (rows, columns).
        kind_weight: Weight of each cell, float32 (rows, columns). The weights of a fruit sum to 1,
            less where another fruit is nearer.
        label: Share of each labeled fruit, float32 (fruits,); it sums to 1, or to 0 if the view has
            no labels.
    """

    center: np.ndarray
    center_weight: np.ndarray
    kind: np.ndarray
    kind_weight: np.ndarray
    label: np.ndarray


def show(photo: Photo | None, view: View = IDENTITY) -> Shown:
    """Return what is known about a view of a photo, or of one without a record (None)."""
    if photo is None:
        return Shown()
    fruits = tuple(
        ShownFruit(box.fruit, view_box(place, view), photo.count(box.fruit) is not None)
        for box, place in zip(photo.boxes, letterbox_boxes(photo), strict=True)
    )
    return Shown(fruits, photo.exhaustive and not photo.labels, photo.labels)


def show_mosaic(quarters: Sequence[Shown]) -> Shown:
    """Return what is known about four views in one picture, two above and two below."""
    fruits = [
        fruit._replace(
            box=((left + number % 2) / 2, (top + number // 2) / 2, width / 2, height / 2)
        )
        for number, quarter in enumerate(quarters)
        for fruit in quarter.fruits
        for left, top, width, height in [fruit.box]
    ]
    return Shown(tuple(fruits), all(quarter.complete for quarter in quarters))


def draw_targets(shown: Shown, fruits: Sequence[str], rows: int, columns: int) -> Targets:
    """Draw the targets for a view.

    Args:
        shown: What is known about it.
        fruits: The kinds of fruit that the detector knows; others are background.
        rows: Number of rows of the detector's grid.
        columns: Number of columns.
    """
    center = np.zeros((rows, columns), "float32")
    weight = np.full((rows, columns), float(shown.complete), "float32")
    kind = np.zeros((rows, columns), "int32")
    kind_weight = np.zeros((rows, columns), "float32")
    highest = np.full((rows, columns), MIN_KIND_PEAK, "float32")
    known = [fruit for fruit in shown.fruits if fruit.fruit in fruits]
    # Single fruits come last, so that a bunch around them doesn't hide them.
    for fruit in sorted(known, key=lambda fruit: fruit.is_single):
        peak = _draw_peak(fruit.box, rows, columns)
        is_nearest = peak > highest
        highest[is_nearest] = peak[is_nearest]
        kind[is_nearest] = fruits.index(fruit.fruit)
        kind_weight[is_nearest] = peak[is_nearest] / peak[peak > MIN_KIND_PEAK].sum()
        weight[_cells(fruit.box, rows, columns)] = float(fruit.is_single)
        if fruit.is_single:
            np.maximum(center, peak, out=center)
    label = np.array([fruit in shown.labels for fruit in fruits] or [False], "float32")
    return Targets(center[:, :, None], weight, kind, kind_weight, label / max(1, label.sum()))


def _draw_peak(box: Box, rows: int, columns: int) -> np.ndarray:
    """Draw a Gaussian that is 1 in the cell of a box's center, (rows, columns)."""
    left, top, width, height = box
    across = _gaussian(left + width / 2, width, columns)
    down = _gaussian(top + height / 2, height, rows)
    return np.outer(down, across)


def _gaussian(center: float, length: float, cells: int) -> np.ndarray:
    place = min(max(int(center * cells), 0), cells - 1)
    deviation = max(MIN_PEAK_WIDTH, PEAK_WIDTH * length * cells)
    offsets = (np.arange(cells, dtype="float32") - place) / deviation
    return np.exp(-0.5 * offsets**2)


def _cells(box: Box, rows: int, columns: int) -> tuple[slice, slice]:
    """The cells that a box covers, at least one."""
    left, top, width, height = box
    return _slice(top, height, rows), _slice(left, width, columns)


def _slice(start: float, length: float, cells: int) -> slice:
    first = min(max(int(start * cells), 0), cells - 1)
    return slice(first, max(first + 1, int(np.ceil((start + length) * cells))))
