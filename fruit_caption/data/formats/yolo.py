"""Photos and boxes as YOLO text files, a box a line: class, center and size as shares."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import yaml

from fruit_caption.data.formats.common import ClassNames, clip_box, find_images, skipped_line
from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.language.fruits import find_fruit
from fruit_caption.utils.errors import DataError, PictureError
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable, check_within
from fruit_caption.utils.progress import Progress, counted, no_progress

DATA_YAML, CLASSES_TXT = "data.yaml", "classes.txt"


def read_yolo(
    folder: Path, names: ClassNames = find_fruit, progress: Progress = no_progress
) -> PhotoSet:
    """Read the photos of a folder and its subfolders with their label files.

    A photo's labels lie beside it or in a folder `labels` where its own is called `images`. An
    empty label file says that the photo shows nothing; a photo without one is left out, as are
    those with a broken line. All that is left out is listed in `PhotoSet.skipped`.

    Args:
        folder: holds `data.yaml` or `classes.txt`.
        names: gives the fruit of a class name, or `None`.
        progress: told in words what is being done.

    Raises:
        DataError: the classes can't be read.
    """
    classes = _classes(folder)
    fruits = {number: names(name) for number, name in classes.items()}
    listed = frozenset(fruit for fruit in fruits.values() if fruit)
    photos: list[Photo] = []
    skipped: list[str] = []
    for picture in counted(list(find_images(folder)), f"reading {folder}", progress):
        name = picture.relative_to(folder).as_posix()
        try:
            labels = check_within(_labels_of(folder, picture), folder)
            size = upright_size(check_within(picture, folder))
            boxes = tuple(_boxes(labels, fruits, size))
            photos.append(Photo(picture, *size, boxes, listed, group=name, source=folder.name))
        except (Unusable, PictureError) as reason:
            skipped.append(skipped_line(name, reason))
    unknown = tuple(sorted(classes[number] for number, fruit in fruits.items() if not fruit))
    return PhotoSet(tuple(photos), listed, "YOLO", tuple(skipped), unknown)


def _classes(folder: Path) -> dict[int, str]:
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
        raise DataError(f"{path} does not list classes as YOLO does: {reason}.") from None


def _mapping(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise TypeError('it needs "names", a list or a mapping from numbers')
    return value


def _labels_of(folder: Path, picture: Path) -> Path:
    inner = picture.relative_to(folder).with_suffix(".txt")
    beside = [*("labels" if part == "images" else part for part in inner.parts)]
    for path in (folder.joinpath(*beside), folder / inner):
        if path.is_file():
            return path
    raise Unusable(f"it has no label file {'/'.join(beside)}")


def _boxes(path: Path, fruits: dict[int, str | None], size: tuple[int, int]) -> list[FruitBox]:
    boxes = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"its labels can't be read ({error})") from None
    for place, line in enumerate(lines, start=1):
        if line.strip():
            try:
                boxes.append(_box(line.split(), fruits, size))
            except Unusable as reason:
                raise Unusable(f"{path.name}, line {place}: {reason}") from None
    return [box for box in boxes if box.fruit]


def _box(values: list[str], fruits: dict[int, str | None], size: tuple[int, int]) -> FruitBox:
    try:
        kind, x, y, width, height = (float(value) for value in values)
        if not all(math.isfinite(value) for value in (kind, x, y, width, height)):
            raise ValueError
    except ValueError:
        raise Unusable(f"it is not a class and four numbers: {' '.join(values)[:60]!r}") from None
    if kind not in fruits:
        raise Unusable(f"there is no class {values[0]}")
    across, down = size
    return clip_box(
        fruits[int(kind)] or "",
        (x - width / 2) * across,
        (y - height / 2) * down,
        (x + width / 2) * across,
        (y + height / 2) * down,
        size,
    )
