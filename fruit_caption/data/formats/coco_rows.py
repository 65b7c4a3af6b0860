"""Reads the values in the rows of COCO and VQA files, which tools write in several ways.

JSON has one kind of number, so 1.0 is 1; some tools write numbers as text.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fruit_caption.utils.errors import DataError
from fruit_caption.utils.paths import Unusable

Id = int | str
"""The id of a row: a number, or a text that is none."""

Skip = Callable[[object, object], None]
"""Lists something that is left out: its name and the reason."""

_INTEGER = re.compile(r"(0|-?[1-9]\d{0,17})(\.0+)?")


def read_rows(
    path: Path, content: dict[str, Any], key: str, skip: Skip, form: str = "a COCO detection file"
) -> list[dict[str, Any]]:
    """Return the objects of a list of a COCO file, or of one of another form.

    Raises:
        DataError: There is no such list, or it has no object at all.
    """
    rows = content.get(key)
    objects = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if not isinstance(rows, list) or (rows and not objects):
        raise DataError(f'{path} is not {form}: "{key}" must be a list of objects.')
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            skip(f"{key}, row {number}", f"{str(row)[:60]} is not an object")
    return objects


def category_names(
    categories: list[dict[str, Any]], annotations: list[dict[str, Any]], skip: Skip
) -> dict[Id, str]:
    """Return the names of the classes by id.

    A category that is only the supercategory of others is no class: Roboflow writes one with the
    name of the project. Two categories with one id are one class with both names.
    """
    names: dict[Id, list[str]] = defaultdict(list)
    for row in categories:
        number, name = row_id(row.get("id")), str(row.get("name", ""))
        if number is None:
            skip(f"category {name}", 'it must have an integer "id"')
        elif name not in names[number]:
            names[number].append(name)
    used = {row_id(row.get("category_id")) for row in annotations}
    parents = {
        str(parent)
        for row in categories
        if (parent := row.get("supercategory")) and parent != row.get("name")
    }
    return {
        number: " or ".join(own)
        for number, own in names.items()
        if number in used or not parents.issuperset(own)
    }


def row_id(value: Any) -> Id | None:
    """Return an id, or None if the value is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        match = _INTEGER.fullmatch(value.strip())
        return int(match[1]) if match else value.strip()[:200] or None
    return value if isinstance(value, int) else None


def read_length(row: dict[str, Any], key: str) -> int:
    """Return a width or height, or 0 if it is not known.

    Raises:
        Unusable: It is not a length.
    """
    value = row.get(key)
    number = 0 if value is None else row_id(value)
    if not isinstance(number, int) or not 0 <= number < 2**31:
        raise Unusable(f"its {key} is {str(value)[:60]!r}")
    return number


def read_bbox(row: dict[str, Any]) -> tuple[float, float, float, float]:
    """Return left, top, width and height of a box, or of the box around polygons without one.

    Raises:
        Unusable: The row has no such box.
    """
    bbox = row.get("bbox") or _box_around(row.get("segmentation"))
    if isinstance(bbox, list) and len(bbox) == 4:
        left, top, width, height = map(_number, bbox)
        if left is not None and top is not None and width is not None and height is not None:
            return left, top, width, height
    raise Unusable(f"a box is not [left, top, width, height]: {str(bbox)[:60]}")


def _box_around(segmentation: Any) -> list[float] | None:
    """Return the box around polygons, each [x, y, x, y, ...], or None if they are none."""
    if not isinstance(segmentation, list):
        return None
    polygons = [polygon for polygon in segmentation if isinstance(polygon, list) and polygon]
    values = [[_number(value) for value in polygon] for polygon in polygons]
    across = [x for polygon in values for x in polygon[0::2] if x is not None]
    down = [y for polygon in values for y in polygon[1::2] if y is not None]
    if not across or not len(across) == len(down) == sum(map(len, values)) / 2:
        return None
    left, top = min(across), min(down)
    return [left, top, max(across) - left, max(down) - top]


def read_crowd(row: dict[str, Any]) -> bool:
    """Return whether a box is around a crowd."""
    value = row.get("iscrowd")
    return bool(_number(value)) if isinstance(value, str) else bool(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # An int may be larger than any float; and the sum of two values must not be.
    return value if is_number and abs(value) <= sys.float_info.max / 2 else None
