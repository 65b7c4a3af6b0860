"""Reads and writes COCO detection files, which most labeling tools support.

    FOLDER/
        instances.json
        images/             the photos, which may also lie in FOLDER itself
            bowl.jpg

    {"images": [{"id": 1, "file_name": "bowl.jpg", "width": 640, "height": 480}],
     "annotations": [{"image_id": 1, "category_id": 1, "bbox": [left, top, width, height]}],
     "categories": [{"id": 1, "name": "apple"}]}

An image may also have the fields `exhaustive`, `count_ok`, `listed`, `labels`, `group` and `source`
(see `records.Photo`), which are not part of COCO. Without them, all boxes are trusted. Other places
of the files are in `coco_files`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fruit_caption.data.formats.boxes import Edges, Findings, PhotoBoxes, doubt
from fruit_caption.data.formats.coco_files import (
    IMAGES,
    INSTANCES,
    find_annotation_files,
    picture_folders,
    subset_of,
)
from fruit_caption.data.formats.coco_rows import (
    Id,
    category_names,
    read_bbox,
    read_crowd,
    read_length,
    read_rows,
    row_id,
)
from fruit_caption.data.formats.common import (
    ClassMapping,
    check_size,
    find_images,
    map_classes,
    no_fruit_class,
)
from fruit_caption.data.formats.pictures import PictureFinder, fold
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.data.splits import split_named
from fruit_caption.language.classes import find_class
from fruit_caption.language.words import find_fruit
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import LazyRows, file_sha256, read_json, write_json
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.listing import shorten
from fruit_caption.utils.paths import Unusable
from fruit_caption.utils.progress import Progress, no_progress, report_progress

__all__ = ["IMAGES", "INSTANCES", "read_coco", "write_coco"]


def read_coco(
    folder: Path,
    to_fruit: ClassMapping = find_class,
    progress: Progress = no_progress,
    check_pictures: bool = True,
) -> PhotoSet:
    """Read the annotations and find the photos.

    A photo is skipped, and the reason is listed, if it can't be used. An annotation that can't be
    used is left out and listed; its photo then proves no total and no absence.

    Args:
        folder: Folder with `instances.json`, or with files where `coco_files` finds them.
        to_fruit: Maps class names to fruits.
        progress: Receives status messages.
        check_pictures: Whether to open every photo to check that it is intact and has the
            annotated size.

    Raises:
        DataError: The file is missing, is not a COCO detection file, or has no usable photo.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: there is no such folder.")
    paths = find_annotation_files(folder) or [folder / INSTANCES]
    reader = _Reader(folder, to_fruit, check_pictures)
    for path in paths:
        try:
            reader.read(path, progress)
        except DataError as error:
            if len(paths) == 1:
                raise
            reader.findings.skip(path.relative_to(folder), error)
    photos, findings = reader.photos(), reader.findings
    listed, unknown = map_classes(reader.classes, to_fruit)
    if not photos and unknown and not listed:
        raise no_fruit_class(paths[0], unknown)
    if not photos:
        reason = "; ".join(findings.skipped[:1]) or "it is empty"
        raise DataError(f"{paths[0]} has no usable photo ({reason}).")
    notes = (*findings.notes(), *(reader.list_unnamed() if check_pictures else ()))
    return PhotoSet(photos, listed, "COCO", tuple(findings.skipped), unknown, notes=notes)


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


@dataclass(frozen=True)
class _Found:
    """A photo of a row of `images`; `is_certain` if it lies where the row says."""

    name: str
    photo: Photo
    is_certain: bool


@dataclass(frozen=True)
class _File:
    """What the rows of `images` of a file need to know about the rest of it."""

    path: Path
    bases: list[Path]
    classes: dict[Id, str]
    listed: frozenset[str]
    licenses: dict[str, str]


class _Reader:
    """Collects the photos of the COCO files of a folder."""

    def __init__(self, folder: Path, to_fruit: ClassMapping, check_pictures: bool) -> None:
        self._folder, self._to_fruit, self._check_pictures = folder, to_fruit, check_pictures
        self._finder = PictureFinder(folder)
        self._found: dict[Path, list[_Found]] = defaultdict(list)
        self._named: set[str] = set()
        self.classes: set[str] = set()
        self.findings = Findings()

    def read(self, path: Path, progress: Progress) -> None:
        """Read a file."""
        skip, content = self.findings.skip, read_json(path)
        images, annotations, categories = (
            read_rows(path, content, key, skip) for key in ("images", "annotations", "categories")
        )
        classes = category_names(categories, annotations, skip)
        self.classes |= set(classes.values())
        listed, _ = map_classes(classes.values(), self._to_fruit)
        bases = picture_folders(self._folder, path)
        file = _File(path, bases, classes, listed, _license_names(content))
        annotations_of = self._sort_annotations(path, annotations)
        times = Counter(row_id(image.get("id")) for image in images)
        for image in report_progress(images, f"reading {self._folder}", progress):
            number = row_id(image.get("id"))
            name = image.get("file_name", number)
            rows = annotations_of.get(number, [])
            with self.findings.photo(name):
                if number is None:
                    raise Unusable('its image must have an integer "id"')
                if times[number] > 1:
                    raise Unusable(f"there are two images with the id {number}")
                found = self._read_photo(file, image, rows)
                self._found[found.photo.path].append(found)
        for number in annotations_of.keys() - times.keys():
            skip(f"annotations of image {number}", "there is no such image")

    def _sort_annotations(
        self, path: Path, annotations: list[dict[str, Any]]
    ) -> dict[Id | None, list[dict[str, Any]]]:
        """Return the annotations by their image."""
        annotations_of: dict[Id | None, list[dict[str, Any]]] = defaultdict(list)
        for row in annotations:
            annotations_of[row_id(row.get("image_id"))].append(row)
        lost = annotations_of.pop(None, [])
        reasons = [f'{str(row)[:60]} must have an integer "image_id"' for row in lost]
        if lost and not annotations_of:
            raise DataError(f"{path} is not a COCO detection file: {reasons[0]}.")
        for reason in reasons:
            self.findings.skip("an annotation", reason)
        return annotations_of

    def _read_photo(self, file: _File, image: dict[str, Any], rows: list[dict[str, Any]]) -> _Found:
        width, height = read_length(image, "width"), read_length(image, "height")
        name = image.get("file_name")
        path, is_certain = self._finder.find(name, file.bases)
        self._named.add(fold(str(path)))
        if self._check_pictures or not (width and height):
            own = upright_size(path)
            width, height = width or own[0], height or own[1]
            check_size(own, (width, height))
        boxes = PhotoBoxes(self._to_fruit, (width, height))
        for row in rows:
            category = row_id(row.get("category_id"))
            if category in file.classes:
                boxes.add(file.classes[category], partial(_edges, row))
            else:
                reason = f"a box has the unknown category {str(row.get('category_id'))[:60]}"
                boxes.leave_out(reason)
        photo = Photo(
            path=path,
            width=width,
            height=height,
            listed=_fruit_names(image.get("listed")) or file.listed,
            exhaustive=bool(image.get("exhaustive", True)),
            count_ok=self._count_ok(file, image, rows),
            group=str(image.get("group") or self._group(file, str(name), path)),
            labels=_fruit_names(image.get("labels")),
            source=str(image.get("source") or ""),
            license=file.licenses.get(str(image.get("license")), ""),
            split=split_named(subset_of(file.path)),
        )
        return _Found(str(name), self.findings.complete(photo, boxes, name), is_certain)

    def list_unnamed(self) -> list[str]:
        """Say which pictures of the folder no file names; they may be of another set."""
        pictures = [p for p in find_images(self._folder) if fold(str(p)) not in self._named]
        names = [picture.relative_to(self._folder).as_posix() for picture in pictures]
        return [f"{self._folder}: pictures without annotations: {shorten(names)}"] if names else []

    def _group(self, file: _File, name: str, path: Path) -> str:
        """Return the name of a photo, which differs from those in other files of the folder."""
        is_only_file = file.path == self._folder / INSTANCES
        is_literal = path in (base / name for base in file.bases)
        plain = Path(name).as_posix()
        return plain if is_only_file and is_literal else path.relative_to(self._folder).as_posix()

    def _count_ok(
        self, file: _File, image: dict[str, Any], rows: list[dict[str, Any]]
    ) -> frozenset[str] | None:
        """Return `Photo.count_ok`, without the fruits that have a box around a crowd."""
        names = [(file.classes.get(row_id(row.get("category_id")) or 0, ""), row) for row in rows]
        fruits = [(self._to_fruit(name), row) for name, row in names]
        crowds = {fruit for fruit, row in fruits if read_crowd(row)}
        if image.get("count_ok") is not None:
            return _fruit_names(image["count_ok"]) - crowds
        return frozenset(fruit for fruit, _ in fruits if fruit) - crowds if crowds else None

    def photos(self) -> tuple[Photo, ...]:
        """Return the photos; list those that several images may be."""
        photos = []
        for path, found in self._found.items():
            certain = [one for one in found if one.is_certain]
            if len(found) > 1 and not certain:
                for one in found:
                    self.findings.skip(one.name, f"several images may be {path.name}")
                continue
            first = (certain or found)[0]
            for one in found:
                if one is not first:
                    self.findings.skip(one.name, "another image is the same file")
            is_clear = all(one.photo.boxes == first.photo.boxes for one in certain)
            if is_clear or first.photo.fruits:
                photos.append(first.photo if is_clear else doubt(first.photo))
            else:
                self.findings.skip(first.name, "two images of it have different boxes")
        return tuple(photos)


def _edges(row: dict[str, Any]) -> Edges:
    left, top, width, height = read_bbox(row)
    return left, top, left + width, top + height


def _fruit_names(names: Any) -> frozenset[str]:
    if names is not None and not isinstance(names, list):
        raise Unusable(f"{str(names)[:60]} is not a list of fruits")
    fruits = (find_fruit(name) for name in names or () if isinstance(name, str))
    return frozenset(fruit for fruit in fruits if fruit)


def _license_names(content: dict[str, Any]) -> dict[str, str]:
    rows = content.get("licenses")
    rows = rows if isinstance(rows, list) else []
    return {str(row.get("id")): str(row.get("name", "")) for row in rows if isinstance(row, dict)}
