"""Reads YOLO annotations: one text file per photo with one line per box.

    FOLDER/
        data.yaml                   names: [apple, banana]
        train/images/bowl.jpg
        train/labels/bowl.txt       0 0.48 0.55 0.20 0.25

The numbers of a line are the class, the center (x, y) and the size (width, height) of the box, as
fractions of the photo's width and height. Instead of `data.yaml`, there may be a `classes.txt` with
one class name per line, and the text files may lie beside the photos.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from fruit_caption.data.formats.common import (
    ClassMapping,
    clip_box,
    find_images,
    map_classes,
    skip_unusable,
)
from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.language.words import find_fruit
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable, check_within
from fruit_caption.utils.progress import Progress, no_progress, report_progress

DATA_YAML, CLASSES_TXT = "data.yaml", "classes.txt"
"""The two files that may list the class names."""


def read_yolo(
    folder: Path, to_fruit: ClassMapping = find_fruit, progress: Progress = no_progress
) -> PhotoSet:
    """Read the photos in a folder and its subfolders with their label files.

    An empty label file means that the photo shows no fruit. A photo without a label file, or with
    an invalid line in it, is skipped, and the reason is listed.

    Args:
        folder: Folder with `data.yaml` or `classes.txt`.
        to_fruit: Maps class names to fruits.
        progress: Receives status messages.

    Raises:
        DataError: The class names or a folder can't be read.
    """
    classes = _read_classes(folder)
    fruits = {number: to_fruit(name) for number, name in classes.items()}
    listed, unknown = map_classes(classes.values(), to_fruit)
    photos: list[Photo] = []
    skipped: list[str] = []
    for picture in report_progress(list(find_images(folder)), f"reading {folder}", progress):
        name = picture.relative_to(folder).as_posix()
        with skip_unusable(name, skipped):
            labels = check_within(_find_labels(folder, picture), folder)
            size = upright_size(check_within(picture, folder))
            boxes = tuple(_read_boxes(labels, fruits, size))
            photos.append(Photo(picture, *size, boxes, listed, group=name, source=folder.name))
    return PhotoSet(tuple(photos), listed, "YOLO", tuple(skipped), unknown)


def _read_classes(folder: Path) -> dict[int, str]:
    path = folder / DATA_YAML
    try:
        if not path.is_file():
            path = folder / CLASSES_TXT
            lines = path.read_text(encoding="utf-8").splitlines()
            return {number: line.strip() for number, line in enumerate(lines) if line.strip()}
        names = _mapping(yaml.safe_load(path.read_text(encoding="utf-8"))).get("names")
        rows = enumerate(names) if isinstance(names, list) else _mapping(names).items()
        return {int(number): str(name) for number, name in rows}
    except (OSError, ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{path} is not a YOLO list of classes: {reason}.") from None


def _mapping(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise TypeError('it needs "names", a list or a mapping from numbers')
    return value


def _find_labels(folder: Path, picture: Path) -> Path:
    beside = picture.relative_to(folder).with_suffix(".txt")
    in_labels = Path(*("labels" if part == "images" else part for part in beside.parts))
    for path in (folder / in_labels, folder / beside):
        if path.is_file():
            return path
    raise Unusable(f"it has no label file {in_labels.as_posix()}")


def _read_boxes(path: Path, fruits: dict[int, str | None], size: tuple[int, int]) -> list[FruitBox]:
    boxes = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"its labels can't be read ({error})") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                boxes.append(_parse_box(line, fruits, size))
            except Unusable as reason:
                raise Unusable(f"{path.name}, line {number}: {reason}") from None
    return [box for box in boxes if box.fruit]


def _parse_box(line: str, fruits: dict[int, str | None], size: tuple[int, int]) -> FruitBox:
    try:
        number, x, y, width, height = map(float, line.split())
        if not all(map(math.isfinite, (number, x, y, width, height))):
            raise ValueError
    except ValueError:
        text = " ".join(line.split())[:60]
        raise Unusable(f"{text!r} is not a class and four numbers") from None
    if number not in fruits:
        raise Unusable(f"there is no class {line.split()[0]}")
    left, right = (x - width / 2) * size[0], (x + width / 2) * size[0]
    top, bottom = (y - height / 2) * size[1], (y + height / 2) * size[1]
    return clip_box(fruits[int(number)] or "", (left, top, right, bottom), size)
