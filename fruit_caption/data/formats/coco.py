"""Photos and boxes as a COCO detection file, which every labeling tool opens and makes.

Beside COCO's own fields an image may have `exhaustive`, `count_ok`, `group` and `source`
(see `records.Photo`); where they are absent, all boxes are trusted.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fruit_caption.data.formats.common import ClassNames, check_size, clip_box, skipped_line
from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.language.fruits import find_fruit
from fruit_caption.utils.errors import DataError, PictureError
from fruit_caption.utils.files import LazyRows, digest, read_json, write_json
from fruit_caption.utils.paths import Unusable, check_within, is_file, safe_relative_path
from fruit_caption.utils.progress import Progress, counted, no_progress

INSTANCES = "instances.json"
IMAGES = "images"


def read_coco(
    folder: Path,
    names: ClassNames = find_fruit,
    progress: Progress = no_progress,
    check_pictures: bool = True,
) -> PhotoSet:
    """Read `folder/instances.json` and find its photos in `folder/images` or `folder`.

    A photo that can't be used (missing, broken, a box outside it, a box of no known class) is
    left out and listed in `PhotoSet.skipped` with the reason. Classes that are no fruit of
    `language.fruits.FRUITS` are listed in `unknown_classes`; their boxes are left out.

    Args:
        folder: holds `instances.json`.
        names: gives the fruit of a class name, or `None`.
        progress: told in words what is being done.
        check_pictures: open every photo to see that it is whole and has the stated size.

    Raises:
        DataError: the file is missing, is no COCO detection file, or has no usable photo.
    """
    path = folder / INSTANCES
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    content = read_json(path)
    images, annotations, categories = (
        _records(path, content, name) for name in ("images", "annotations", "categories")
    )
    _refuse_twins(path, images)
    classes = {_integer(path, row, "id"): str(row.get("name", "")) for row in categories}
    fruits = {number: names(name) for number, name in classes.items()}
    listed = frozenset(fruit for fruit in fruits.values() if fruit)
    licenses = _license_names(content)
    rows: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in annotations:
        rows[_integer(path, row, "image_id")].append(row)
    photos, skipped, paths = [], [], set()
    for image in counted(images, f"reading {folder}", progress):
        number = _integer(path, image, "id")
        try:
            photo = _photo(folder, image, rows.pop(number, []), fruits, listed, licenses)
            if photo.path in paths:
                raise Unusable("another image is the same file")
            paths.add(photo.path)
            if check_pictures:
                check_size(photo.path, (photo.width, photo.height))
            photos.append(photo)
        except (Unusable, PictureError) as reason:
            skipped.append(skipped_line(image.get("file_name", number), reason))
    # The boxes that are left belong to no photo.
    skipped += [f"annotations of image {number}: there is no such image" for number in rows]
    if not photos:
        raise DataError(f"{path} has no usable photo ({'; '.join(skipped[:1]) or 'it is empty'}).")
    unknown = tuple(sorted(classes[number] for number, fruit in fruits.items() if not fruit))
    return PhotoSet(tuple(photos), listed, "COCO", tuple(skipped), unknown)


def write_coco(folder: Path, photos: Sequence[Photo], listed: frozenset[str]) -> None:
    """Write `folder/instances.json` for photos that lie in `folder/images`, ordered by name.

    Source, license and SHA-256 of every photo are recorded.
    """
    categories = {fruit: number for number, fruit in enumerate(sorted(listed), start=1)}
    licenses = {name: number for number, name in enumerate(sorted({p.license for p in photos}), 1)}
    ordered = sorted(photos, key=lambda photo: photo.path)
    boxes = ((image, box) for image, photo in enumerate(ordered, start=1) for box in photo.boxes)
    write_json(
        folder / INSTANCES,
        {
            "info": {"description": "Photos of fruit, one box per fruit"},
            "licenses": [{"id": number, "name": name} for name, number in licenses.items()],
            "images": LazyRows(
                _image_row(folder, number, photo, licenses[photo.license])
                for number, photo in enumerate(ordered, start=1)
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


def _image_row(folder: Path, number: int, photo: Photo, license_number: int) -> dict[str, Any]:
    row = {
        "id": number,
        "file_name": photo.path.relative_to(folder / IMAGES).as_posix(),
        "width": photo.width,
        "height": photo.height,
        "license": license_number,
        "source": photo.source,
        "sha256": digest(photo.path),
        "group": photo.group,
        "exhaustive": photo.exhaustive,
        "listed": sorted(photo.listed),
    }
    if photo.count_ok is not None:
        row["count_ok"] = sorted(photo.count_ok)
    if photo.labels:
        row["labels"] = sorted(photo.labels)
    return row


def _refuse_twins(path: Path, images: list[dict[str, Any]]) -> None:
    """Which boxes belong to which of two images with the same id or name, nobody can tell."""
    for field in ("id", "file_name"):
        values = Counter(str(image.get(field)) for image in images)
        twins = [value for value, number in values.items() if number > 1]
        if twins:
            raise DataError(f"{path} has two images with the {field} {twins[0]}.")


def _photo(
    folder: Path,
    image: dict[str, Any],
    rows: list[dict[str, Any]],
    fruits: dict[int, str | None],
    listed: frozenset[str],
    licenses: dict[str, str],
) -> Photo:
    width, height = (_positive(image, name) for name in ("width", "height"))
    name = safe_relative_path(image.get("file_name"))
    boxes = [box for row in rows if (box := _box(row, fruits, (width, height)))]
    return Photo(
        path=_find(folder, name),
        width=width,
        height=height,
        boxes=tuple(boxes),
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
    """The box of an annotation, clipped to its photo; `None` for a class that is no fruit."""
    number = row.get("category_id")
    if not isinstance(number, int) or number not in fruits:
        raise Unusable(f"a box has the unknown category {number!r}")
    bbox = row.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_number(v) for v in bbox):
        raise Unusable(f"a box is not [left, top, width, height]: {str(bbox)[:60]}")
    left, top, width, height = bbox
    box = clip_box(fruits[number] or "", left, top, left + width, top + height, size)
    return box if box.fruit else None


def _count_ok(
    image: dict[str, Any], rows: list[dict[str, Any]], fruits: dict[int, str | None]
) -> frozenset[str] | None:
    """The kinds whose boxes are one a fruit: as the image says, less COCO's boxes of crowds."""
    crowds = {fruits[row["category_id"]] for row in rows if row.get("iscrowd")}
    if image.get("count_ok") is not None:
        return _fruit_names(image["count_ok"]) - crowds
    if not crowds:
        return None
    return frozenset(fruit for row in rows if (fruit := fruits[row["category_id"]])) - crowds


def _find(folder: Path, name: str) -> Path:
    for path in (folder / IMAGES / name, folder / name):
        if is_file(path):
            return check_within(path, folder)
    raise Unusable(f"there is no such file in {folder / IMAGES}")


def _fruit_names(names: Any) -> frozenset[str]:
    if names is not None and not isinstance(names, list):
        raise Unusable(f"{str(names)[:60]} is no list of fruits")
    named = [find_fruit(name) for name in names or () if isinstance(name, str)]
    return frozenset(fruit for fruit in named if fruit)


def _license_names(content: dict[str, Any]) -> dict[str, str]:
    rows = content.get("licenses")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return {str(row.get("id")): str(row.get("name", "")) for row in rows}


def _records(path: Path, content: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = content.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f'{path} is no COCO detection file: "{name}" must be a list of objects.')
    return rows


def _integer(path: Path, row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise DataError(
            f'{path} is no COCO detection file: "{name}" is missing in {str(row)[:60]}.'
        )
    return value


def _positive(row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or value <= 0:
        raise Unusable(f"its {name} is {value!r}")
    return value


def _is_number(value: Any) -> bool:
    # An integer may be larger than any float.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= sys.float_info.max
