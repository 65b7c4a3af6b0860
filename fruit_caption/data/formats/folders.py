"""A folder of one's own photos: says which form it has, and reads it.

A folder may hold COCO, Pascal VOC or YOLO annotations, or just one subfolder of photos for each
fruit. Of the last, only which fruit is shown is known, not how many.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from fruit_caption.data.formats.coco import INSTANCES, read_coco
from fruit_caption.data.formats.common import ClassNames, find_images, skipped_line
from fruit_caption.data.formats.voc import read_voc
from fruit_caption.data.formats.yolo import CLASSES_TXT, DATA_YAML, read_yolo
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.language.fruits import FRUITS, find_fruit
from fruit_caption.utils.errors import DataError, PictureError
from fruit_caption.utils.files import read_json
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable, check_within
from fruit_caption.utils.progress import Progress, counted, no_progress

PHOTOS_CSV = "photos.csv"
"""In a folder of class folders: the columns file, source and license, for those who know them."""

FORMS = (
    f"COCO ({INSTANCES}), Pascal VOC (.xml files), YOLO ({DATA_YAML} or {CLASSES_TXT}) or one "
    "subfolder of photos for each fruit"
)


def read_photos(
    folder: Path, names: ClassNames = find_fruit, progress: Progress = no_progress
) -> PhotoSet:
    """Read a folder in whichever of the four forms it has.

    Args:
        folder: to read.
        names: gives the fruit of a class name, or `None`.
        progress: told in words what is being done.

    Raises:
        DataError: it has none of the forms, or no photo that can be used.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    try:
        found = _reader(folder, names)(folder, names, progress)
    except OSError as error:
        raise DataError(f"{error.filename or folder} can't be read: {error.strerror}.") from None
    if not found.photos:
        reason = found.skipped[0] if found.skipped else "it has no pictures"
        raise DataError(f"{folder} ({found.form}) has no photo that can be used: {reason}.")
    return found


def read_class_folders(
    folder: Path, names: ClassNames = find_fruit, progress: Progress = no_progress
) -> PhotoSet:
    """Read photos from subfolders that are called after the fruit they show.

    How many there are stays unknown, so that no count is ever asked of them.

    Raises:
        DataError: a folder, or the table of where photos come from, can't be read.
    """
    origins = _origins(folder / PHOTOS_CSV)
    homes = [home for home in sorted(folder.iterdir()) if home.is_dir()]
    fruits = {home: names(home.name) for home in homes}
    listed = frozenset(fruit for fruit in fruits.values() if fruit)
    photos: list[Photo] = []
    skipped: list[str] = []
    for home, fruit in fruits.items():
        pictures = list(find_images(home)) if fruit else []
        if fruit and not pictures:
            skipped.append(f"{home.name}: the folder holds no pictures")
        for picture in counted(pictures, f"reading {home}", progress):
            name = picture.relative_to(folder).as_posix()
            source, license_name = origins.get(name, (folder.name, ""))
            try:
                width, height = upright_size(check_within(picture, folder))
            except (Unusable, PictureError) as reason:
                skipped.append(skipped_line(name, reason))
                continue
            photos.append(
                Photo(
                    path=picture,
                    width=width,
                    height=height,
                    listed=listed,
                    labels=frozenset([fruit or ""]),
                    group=name,
                    source=source,
                    license=license_name,
                )
            )
    unknown = tuple(home.name for home, fruit in fruits.items() if not fruit)
    return PhotoSet(tuple(photos), listed, "one folder per fruit", tuple(skipped), unknown)


def class_names(table: Path | None) -> ClassNames:
    """What class names mean: our own table, and before it the user's.

    Args:
        table: a JSON object from class names to fruits, such as {"boskoop": "apple"}, or `None`.

    Raises:
        DataError: it can't be read, or names a fruit that we have no word for.
    """
    if table is None:
        return find_fruit
    own: dict[str, str] = {}
    for name, meant in read_json(table).items():
        fruit = find_fruit(meant) if isinstance(meant, str) else None
        if fruit is None:
            raise DataError(f"{table}: {meant!r} is none of {', '.join(FRUITS)}.")
        own[name.strip().lower()] = fruit
    return lambda name: own.get(name.strip().lower()) or find_fruit(name)


def _reader(folder: Path, names: ClassNames) -> Callable[[Path, ClassNames, Progress], PhotoSet]:
    if (folder / INSTANCES).is_file():
        return read_coco
    if (folder / DATA_YAML).is_file() or (folder / CLASSES_TXT).is_file():
        return read_yolo
    if next(folder.rglob("*.xml"), None):
        return read_voc
    if any(home.is_dir() and names(home.name) for home in folder.iterdir()):
        return read_class_folders
    raise DataError(f"{folder} is in none of the forms that can be read: {FORMS}.")


def _origins(path: Path) -> dict[str, tuple[str, str]]:
    """Source and license of each file that the table names."""
    if not path.is_file():
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} can't be read: {error}.") from None
    return {
        row.get("file") or "": (row.get("source") or "", row.get("license") or "") for row in rows
    }
