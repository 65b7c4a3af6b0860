"""Reads a folder of annotated photos, whatever its format.

The format is COCO, Pascal VOC, YOLO (see these modules), or one subfolder per fruit:

    FOLDER/
        apple/0001.jpg
        passion fruit/0002.jpg
        none/0003.jpg           optional; no fruit at all
        photos.csv              optional; columns file, source and license

Subfolders tell only which fruit a photo shows, not how many; those in `none` lack the fruits of all
the other subfolders.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fruit_caption.data.formats.class_names import class_mapping as class_mapping
from fruit_caption.data.formats.coco import INSTANCES, read_coco
from fruit_caption.data.formats.coco_files import find_annotation_files
from fruit_caption.data.formats.common import (
    ClassMapping,
    find_images,
    map_classes,
    no_fruit_class,
    skip_unusable,
)
from fruit_caption.data.formats.voc import XML, read_voc
from fruit_caption.data.formats.yolo import read_yolo
from fruit_caption.data.formats.yolo_files import CLASSES_TXT, DATA_YAML, find_class_file
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.language.classes import find_class
from fruit_caption.language.words import ascii_words
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable, check_within
from fruit_caption.utils.progress import Progress, no_progress, report_progress

PHOTOS_CSV = "photos.csv"
"""Name of the table of the photos' sources and licenses."""

NO_FRUIT_NAMES = frozenset(["none", "no fruit"])
"""Names of the subfolder whose photos show no fruit, in lower case and without punctuation."""

Reader = Callable[[Path, ClassMapping, Progress], PhotoSet]


def read_photos(
    folder: Path, to_fruit: ClassMapping = find_class, progress: Progress = no_progress
) -> PhotoSet:
    """Detect the format of a folder and read its photos.

    Args:
        folder: Folder to read.
        to_fruit: Maps class names to fruits.
        progress: Receives status messages.

    Raises:
        DataError: The folder has none of the supported formats, or no usable photo.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    try:
        photo_set = _keep_known(_detect_reader(folder, to_fruit)(folder, to_fruit, progress))
    except OSError as error:
        raise DataError(f"{error.filename or folder} can't be read: {error.strerror}.") from None
    if not photo_set.listed and (photo_set.photos or photo_set.unknown_classes):
        raise no_fruit_class(folder, photo_set.unknown_classes)
    if not photo_set.photos:
        reason = photo_set.skipped[0] if photo_set.skipped else "it has no pictures"
        raise DataError(f"{folder} ({photo_set.format}) has no usable photo: {reason}.")
    return photo_set


def _keep_known(photo_set: PhotoSet) -> PhotoSet:
    """Leave out the photos about which nothing can be said: no fruit is boxed, but may be there."""
    skipped = list(photo_set.skipped)
    photos = []
    for photo in photo_set.photos:
        with skip_unusable(photo.path.name, skipped):
            if not photo.exhaustive and not photo.fruits:
                raise Unusable("nothing is known about fruit in it")
            photos.append(photo)
    return replace(photo_set, photos=tuple(photos), skipped=tuple(skipped))


def read_class_folders(
    folder: Path, to_fruit: ClassMapping = find_class, progress: Progress = no_progress
) -> PhotoSet:
    """Read photos from subfolders that are named after a fruit, or `none`.

    Args:
        folder: Folder that contains the subfolders.
        to_fruit: Maps the names of subfolders to fruits.
        progress: Receives status messages.

    Raises:
        DataError: A folder or `photos.csv` can't be read, or no subfolder is named after a fruit.
    """
    origins = _read_origins(folder / PHOTOS_CSV)
    subfolders = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    listed, others = map_classes((path.name for path in subfolders), to_fruit)
    if not listed:
        raise DataError(
            f"{folder} has a folder for photos without fruit, but there is no fruit folder beside "
            "it, to tell which fruits they lack."
        )
    unknown = tuple(name for name in others if not _means_no_fruit(name))
    photos: list[Photo] = []
    skipped: list[str] = []
    for subfolder in subfolders:
        if subfolder.name in unknown:
            continue
        fruit = to_fruit(subfolder.name)
        pictures = list(find_images(subfolder))
        if not pictures:
            skipped.append(f"{subfolder.name}: the folder has no pictures")
        for picture in report_progress(pictures, f"reading {subfolder}", progress):
            name = picture.relative_to(folder).as_posix()
            source, license_name = origins.get(name, (folder.name, ""))
            with skip_unusable(name, skipped):
                photo = Photo(
                    picture,
                    *upright_size(check_within(picture, folder)),
                    listed=listed,
                    labels=frozenset([fruit] if fruit else []),
                    group=name,
                    source=source,
                    license=license_name,
                )
                photos.append(photo)
    return PhotoSet(tuple(photos), listed, "one folder per fruit", tuple(skipped), unknown)


def _detect_reader(folder: Path, to_fruit: ClassMapping) -> Reader:
    if (folder / INSTANCES).is_file():
        return read_coco
    if (folder / DATA_YAML).is_file() or (folder / CLASSES_TXT).is_file():
        return read_yolo
    if any(path.suffix.lower() == XML for path in folder.rglob("*")):
        return read_voc
    subfolders = [path.name for path in folder.iterdir() if path.is_dir()]
    if any(to_fruit(name) or _means_no_fruit(name) for name in subfolders):
        return read_class_folders
    if find_class_file(folder):
        return read_yolo
    if find_annotation_files(folder):
        return read_coco
    other = next(iter(sorted(folder.glob("*.json")) + sorted(folder.glob("*/*.json"))), None)
    raise DataError(
        f"{folder} has none of the supported formats: COCO ({INSTANCES}), Pascal VOC (.xml files), "
        f"YOLO ({DATA_YAML} or {CLASSES_TXT}), or one subfolder of photos for each fruit"
        + (f"; {other.relative_to(folder)} is not a COCO detection file." if other else ".")
    )


def _means_no_fruit(name: str) -> bool:
    """Whether a subfolder of this name holds photos that show no fruit."""
    return " ".join(ascii_words(name)) in NO_FRUIT_NAMES


def _read_origins(path: Path) -> dict[str, tuple[str, str]]:
    """Return (source, license) of each file in the table."""
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
