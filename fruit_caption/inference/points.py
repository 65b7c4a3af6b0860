"""Points at the fruits that the detector found in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fruit_caption.utils.images import letterbox_offset


@dataclass(frozen=True)
class Point:
    """The center of a detected fruit.

    Attributes:
        fruit: Name of the fruit.
        x: Distance from the left edge of the upright picture, in pixels.
        y: Distance from its top edge, in pixels.
        confidence: Objectness, 0 to 1: how sure the detector is that there is a fruit. It says
            nothing about the kind of fruit.
    """

    fruit: str
    x: float
    y: float
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Return the point as a dictionary of plain JSON values, rounded to a tenth of a pixel."""
        return {
            "fruit": self.fruit,
            "x": round(self.x, 1),
            "y": round(self.y, 1),
            "confidence": round(self.confidence, 4),
        }


def find_points(
    peaks: np.ndarray, kinds: np.ndarray, fruits: Sequence[str], size: tuple[int, int]
) -> tuple[Point, ...]:
    """Turn the detector's outputs for one picture into points.

    Args:
        peaks: Objectness of each detected fruit in the cell of its center, 0 elsewhere, (rows,
            columns). The grid covers the letterboxed picture.
        kinds: Index of the most likely fruit in each cell, (rows, columns).
        fruits: Names of the fruits. Without any, there are no points.
        size: Width and height of the upright picture in pixels.

    Returns:
        The points, fruit by fruit in the order of `fruits`; those of one fruit from top to bottom,
        and from left to right in the same row of cells.
    """
    if not fruits:
        return ()
    longest = max(size)
    left, top = letterbox_offset(*size, longest)
    rows, columns = np.nonzero(peaks)
    # A stable sort: `nonzero` already goes row by row.
    order = np.argsort(kinds[rows, columns], kind="stable")
    x = (columns + 0.5) / peaks.shape[1] * longest - left
    y = (rows + 0.5) / peaks.shape[0] * longest - top
    # A cell at the edge of the picture may have its center in the padding.
    x, y = x.clip(0, size[0]), y.clip(0, size[1])
    return tuple(
        Point(
            fruits[kinds[rows[index], columns[index]]],
            float(x[index]),
            float(y[index]),
            float(peaks[rows[index], columns[index]]),
        )
        for index in order
    )
