"""Reads and writes COCO detection files, which most labeling tools support.

    FOLDER/
        instances.json
        images/             the photos, which may also lie in FOLDER itself
            bowl.jpg

    {"images": [{"id": 1, "file_name": "bowl.jpg", "width": 640, "height": 480}],
     "annotations": [{"image_id": 1, "category_id": 1, "bbox": [left, top, width, height]}],
     "categories": [{"id": 1, "name": "apple"}]}

An image may also have the fields `exhaustive`, `count_ok`, `listed`, `labels`, `group` and `source`
(see `records.Photo`), which are not part of COCO. Without them, all boxes are trusted.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fruit_caption.data.formats.common import (
    ClassMapping,
    check_size,
    clip_box,
    map_classes,
    skip_unusable,
)
from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.language.words import find_fruit
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import LazyRows, file_sha256, read_json, write_json
from fruit_caption.utils.paths import Unusable, check_within, is_file, safe_relative_path
from fruit_caption.utils.progress import Progress, no_progress, report_progress

INSTANCES = "instances.json"
"""Name of the annotation file."""

IMAGES = "images"
"""Name of the folder of photos."""


def read_coco(
    folder: Path,
    to_fruit: ClassMapping = find_fruit,
    progress: Progress = no_progress,
    check_pictures: bool = True,
) -> PhotoSet:
    """Read the annotations and find the photos.

    A photo is skipped, and the reason is listed, if it or one of its annotations can't be used.

    Args:
        folder: Folder with `instances.json`.
        to_fruit: Maps class names to fruits.
        progress: Receives status messages.
        check_pictures: Whether to open every photo to check that it is intact and has the
            annotated size.

    Raises:
        DataError: The file is missing, is not a COCO detection file, or has no usable photo.
    """
    path = folder / INSTANCES
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    content = read_json(path)
    images, annotations, categories = (
        _rows(path, content, key) for key in ("images", "annotations", "categories")
    )
    _check_unique(path, images)
    classes = {_integer(path, row, "id"): str(row.get("name", "")) for row in categories}
    fruits = {number: to_fruit(name) for number, name in classes.items()}
    listed, unknown = map_classes(classes.values(), to_fruit)
    licenses = _license_names(content)
    annotations_of: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in annotations:
        annotations_of[_integer(path, row, "image_id")].append(row)
    photos: list[Photo] = []
    skipped: list[str] = []
    paths: set[Path] = set()
    for image in report_progress(images, f"reading {folder}", progress):
        number = _integer(path, image, "id")
        rows = annotations_of.pop(number, [])
        with skip_unusable(image.get("file_name", number), skipped):
            photo = _photo(folder, image, rows, fruits, listed, licenses)
            if photo.path in paths:
                raise Unusable("another image is the same file")
            paths.add(photo.path)
            if check_pictures:
                check_size(photo.path, (photo.width, photo.height))
            photos.append(photo)
    skipped += [f"annotations of image {n}: there is no such image" for n in annotations_of]
    if not photos:
        raise DataError(f"{path} has no usable photo ({'; '.join(skipped[:1]) or 'it is empty'}).")
    return PhotoSet(tuple(photos), listed, "COCO", tuple(skipped), unknown)


def write_coco(folder: Path, photos: Sequence[Photo], listed: frozenset[str]) -> None:
    """Write the annotations of photos that lie in `FOLDER/images`.

    Args:
        folder: Folder to write `instances.json` to.
        photos: The photos; they are written in the order of their paths.
        listed: The fruits that become the categories.

    Raises:
        FruitError: The file can't be written.
    """
    photos = sorted(photos, key=lambda photo: photo.path)
    categories = {fruit: number for number, fruit in enumerate(sorted(listed), start=1)}
    licenses = {name: number for number, name in enumerate(sorted({p.license for p in photos}), 1)}
    boxes = ((image, box) for image, photo in enumerate(photos, start=1) for box in photo.boxes)
    write_json(
        folder / INSTANCES,
        {
            "info": {"description": "Photos of fruit, one box per fruit"},
            "licenses": [{"id": number, "name": name} for name, number in licenses.items()],
            "images": LazyRows(
                _image_row(folder, number, photo, licenses[photo.license])
                for number, photo in enumerate(photos, start=1)
            ),
            "annotations": LazyRows(
                {
                    "id": number,
                    "image_id": image,
                    "category_id": categories[box.fruit],
                    "bbox": [box.left, box.top, box.width, box.height],
                    "area": box.width * box.height,
                    "iscrowd": 0,
                }
                for number, (image, box) in enumerate(boxes, start=1)
            ),
            "categories": [
                {"id": number, "name": fruit, "supercategory": "fruit"}
                for fruit, number in categories.items()
            ],
        },
    )


def _image_row(folder: Path, number: int, photo: Photo, license_id: int) -> dict[str, Any]:
    row = {
        "id": number,
        "file_name": photo.path.relative_to(folder / IMAGES).as_posix(),
        "width": photo.width,
        "height": photo.height,
        "license": license_id,
        "source": photo.source,
        "sha256": file_sha256(photo.path),
        "group": photo.group,
        "exhaustive": photo.exhaustive,
        "listed": sorted(photo.listed),
    }
    if photo.count_ok is not None:
        row["count_ok"] = sorted(photo.count_ok)
    if photo.labels:
        row["labels"] = sorted(photo.labels)
    return row


def _check_unique(path: Path, images: list[dict[str, Any]]) -> None:
    """Duplicate ids or file names would make it ambiguous which image a box belongs to."""
    for field in ("id", "file_name"):
        values = Counter(str(row.get(field)) for row in images)
        duplicates = [value for value, number in values.items() if number > 1]
        if duplicates:
            raise DataError(f"{path} has two images with the {field} {duplicates[0]}.")


def _photo(
    folder: Path,
    image: dict[str, Any],
    rows: list[dict[str, Any]],
    fruits: dict[int, str | None],
    listed: frozenset[str],
    licenses: dict[str, str],
) -> Photo:
    size = width, height = _positive(image, "width"), _positive(image, "height")
    name = safe_relative_path(image.get("file_name"))
    return Photo(
        path=_find_photo(folder, name),
        width=width,
        height=height,
        boxes=tuple(box for row in rows if (box := _box(row, fruits, size))),
        listed=_fruit_names(image.get("listed")) or listed,
        exhaustive=bool(image.get("exhaustive", True)),
        count_ok=_count_ok(image, rows, fruits),
        group=str(image.get("group") or name),
        labels=_fruit_names(image.get("labels")),
        source=str(image.get("source") or ""),
        license=licenses.get(str(image.get("license")), ""),
    )


def _box(
    row: dict[str, Any], fruits: dict[int, str | None], size: tuple[int, int]
) -> FruitBox | None:
    """Return the box of an annotation, or None if its class is not a fruit."""
    category = row.get("category_id")
    if not isinstance(category, int) or category not in fruits:
        raise Unusable(f"a box has the unknown category {category!r}")
    bbox = row.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(v) for v in bbox):
        raise Unusable(f"a box is not [left, top, width, height]: {str(bbox)[:60]}")
    left, top, width, height = bbox
    box = clip_box(fruits[category] or "", (left, top, left + width, top + height), size)
    return box if box.fruit else None


def _count_ok(
    image: dict[str, Any], rows: list[dict[str, Any]], fruits: dict[int, str | None]
) -> frozenset[str] | None:
    """Return `Photo.count_ok`, without the fruits that have a box around a crowd."""
    crowds = {fruits[row["category_id"]] for row in rows if row.get("iscrowd")}
    if image.get("count_ok") is not None:
        return _fruit_names(image["count_ok"]) - crowds
    if not crowds:
        return None
    return frozenset(fruit for row in rows if (fruit := fruits[row["category_id"]])) - crowds


def _find_photo(folder: Path, name: str) -> Path:
    for path in (folder / IMAGES / name, folder / name):
        if is_file(path):
            return check_within(path, folder)
    raise Unusable(f"there is no such file in {folder / IMAGES}")


def _fruit_names(names: Any) -> frozenset[str]:
    if names is not None and not isinstance(names, list):
        raise Unusable(f"{str(names)[:60]} is not a list of fruits")
    fruits = (find_fruit(name) for name in names or () if isinstance(name, str))
    return frozenset(fruit for fruit in fruits if fruit)


def _license_names(content: dict[str, Any]) -> dict[str, str]:
    rows = content.get("licenses")
    rows = rows if isinstance(rows, list) else []
    return {str(row.get("id")): str(row.get("name", "")) for row in rows if isinstance(row, dict)}


def _rows(path: Path, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = content.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path} is not a COCO detection file: "{key}" must be a list of objects.')
    return rows


def _integer(path: Path, row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(
            f'{path} is not a COCO detection file: {str(row)[:60]} must have an integer "{key}".'
        )
    return value


def _positive(row: dict[str, Any], key: str) -> int:
    value = row.get(key)
    if not isinstance(value, int) or value <= 0:
        raise Unusable(f"its {key} is {value!r}")
    return value


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # An int may be larger than any float; and the sum of two values must not be.
    return is_number and abs(value) <= sys.float_info.max / 2
