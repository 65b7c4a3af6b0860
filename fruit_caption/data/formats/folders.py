"""Reads a folder of annotated photos, whatever its format.

The format is COCO, Pascal VOC, YOLO (see these modules), or one subfolder per fruit:

    FOLDER/
        apple/0001.jpg
        passion fruit/0002.jpg
        none/0003.jpg           optional; no fruit at all

Subfolders tell only which fruit a photo shows, not how many; those in `none` lack the fruits of all
the other subfolders. They may also lie in folders that are named after splits, such as `train` and
`test`. With any format, a table `photos.csv` may tell the sources of the photos (see `origins`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fruit_caption.data.formats.coco import INSTANCES, read_coco
from fruit_caption.data.formats.coco_files import find_annotation_files
from fruit_caption.data.formats.common import (
    ClassMapping,
    find_images,
    map_classes,
    no_fruit_class,
    skip_unusable,
)
from fruit_caption.data.formats.origins import apply_origins
from fruit_caption.data.formats.voc import XML, read_voc
from fruit_caption.data.formats.yolo import read_yolo
from fruit_caption.data.formats.yolo_files import CLASSES_TXT, DATA_YAML, find_class_file
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.data.splits import split_in_path, split_named
from fruit_caption.language.classes import find_class
from fruit_caption.language.words import ascii_words
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.listing import (
    Listing,
    hidden_note,
    is_hidden,
    list_pictures,
    others_note,
    shorten,
)
from fruit_caption.utils.paths import Unusable, check_within, encodable, is_file
from fruit_caption.utils.progress import Progress, no_progress, report_progress

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
    if is_file(folder):
        raise DataError(f"{folder} is a file; pass the folder that it lies in.")
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    try:
        listing = list_pictures(folder)
        read = _detect_reader(folder, to_fruit, listing)
        photo_set = apply_origins(_keep_known(read(folder, to_fruit, progress)), folder)
    except OSError as error:
        raise DataError(f"{error.filename or folder} can't be read: {error.strerror}.") from None
    if not photo_set.listed and (photo_set.photos or photo_set.unknown_classes):
        raise no_fruit_class(folder, photo_set.unknown_classes)
    if not photo_set.photos:
        reason = photo_set.skipped[0] if photo_set.skipped else "it has no pictures"
        raise DataError(f"{folder} ({photo_set.format}) has no usable photo: {reason}.")
    notes = [hidden_note(folder, listing.hidden)] if listing.hidden else []
    if read is read_class_folders:
        notes += _list_strays(folder, listing)
    return replace(
        photo_set,
        photos=tuple(_complete(photo, folder) for photo in photo_set.photos),
        notes=(*photo_set.notes, *notes),
    )


def _complete(photo: Photo, folder: Path) -> Photo:
    """Return a photo with names that can be written to a file, and with the split it lies in."""
    return replace(
        photo,
        group=encodable(photo.group),
        source=encodable(photo.source),
        split=photo.split or split_in_path(photo.path, folder),
    )


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
        DataError: A folder can't be read, or no subfolder is named after a fruit.
    """
    subfolders = _class_folders(folder)
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
        pictures = find_images(subfolder)
        if not pictures:
            skipped.append(f"{subfolder.relative_to(folder)}: the folder has no pictures")
        for picture in report_progress(pictures, f"reading {subfolder}", progress):
            name = picture.relative_to(folder).as_posix()
            with skip_unusable(name, skipped):
                photo = Photo(
                    picture,
                    *upright_size(check_within(picture, folder)),
                    listed=listed,
                    labels=frozenset([fruit] if fruit else []),
                    group=name,
                    source=folder.name,
                )
                photos.append(photo)
    return PhotoSet(tuple(photos), listed, "one folder per fruit", tuple(skipped), unknown)


def _detect_reader(folder: Path, to_fruit: ClassMapping, listing: Listing) -> Reader:
    if read := _find_reader(folder, to_fruit, listing):
        return read
    inner = (path for path in _visible_folders(folder) if _find_reader(path, to_fruit))
    other = next(iter(sorted(folder.glob("*.json")) + sorted(folder.glob("*/*.json"))), None)
    if path := next(inner, None):
        hint = f"; but {path} has one of them: pass that folder."
    else:
        hint = f"; {other.relative_to(folder)} is not a COCO detection file." if other else "."
    raise DataError(
        f"{folder} has none of the supported formats: COCO ({INSTANCES}), Pascal VOC (.xml files), "
        f"YOLO ({DATA_YAML} or {CLASSES_TXT}), or one subfolder of photos for each fruit{hint}"
    )


def _find_reader(
    folder: Path, to_fruit: ClassMapping, listing: Listing | None = None
) -> Reader | None:
    """Return the reader for the format of a folder, or None if it has none of the formats."""
    if (folder / INSTANCES).is_file():
        return read_coco
    if (folder / DATA_YAML).is_file() or (folder / CLASSES_TXT).is_file():
        return read_yolo
    others = (listing or list_pictures(folder)).others
    if any(path.suffix.lower() == XML for path in others):
        return read_voc
    names = [path.name for path in _class_folders(folder)]
    if any(to_fruit(name) or _means_no_fruit(name) for name in names):
        return read_class_folders
    if find_class_file(folder):
        return read_yolo
    return read_coco if find_annotation_files(folder) else None


def _class_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, and instead of the folder of a split the folders in it."""
    classes: list[Path] = []
    for path in _visible_folders(folder):
        classes += _visible_folders(path) if split_named(path.name) else [path]
    return classes


def _visible_folders(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.iterdir()) if p.is_dir() and not is_hidden(p.name)]


def _list_strays(folder: Path, listing: Listing) -> list[str]:
    """Say which files are no photos of a class: they lie in no class folder, or are no pictures."""
    homes = set(_class_folders(folder))
    stray = [path for path in listing.pictures if not homes & set(path.parents)]
    names = [path.relative_to(folder).as_posix() for path in stray]
    notes = [f"{folder}: pictures in no class folder: {shorten(names)}"] if stray else []
    others = [path for path in listing.others if homes & set(path.parents)]
    return notes + ([others_note(folder, others)] if others else [])


def _means_no_fruit(name: str) -> bool:
    """Whether a subfolder of this name holds photos that show no fruit."""
    return " ".join(ascii_words(name)) in NO_FRUIT_NAMES
