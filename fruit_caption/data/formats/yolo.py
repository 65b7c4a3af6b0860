"""Reads YOLO annotations: one text file per photo with one line per box.

    FOLDER/
        data.yaml                   names: [apple, banana]
        train/images/bowl.jpg
        train/labels/bowl.txt       0 0.48 0.55 0.20 0.25

The numbers of a line are the class, the center (x, y) and the size (width, height) of the box, as
fractions of the photo's width and height. A line may also have the corners of a polygon or of a
turned box, of which the box around them counts, and a confidence at the end. The class names are in
one of the files of `yolo_files`; the text files may lie beside the photos.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from fruit_caption.data.formats.boxes import Edges, Findings, PhotoBoxes
from fruit_caption.data.formats.common import ClassMapping, map_classes
from fruit_caption.data.formats.pictures import fold
from fruit_caption.data.formats.yolo_files import YoloConfig, choose_pictures, read_config
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.language.classes import find_class
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import read_text
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable, check_within
from fruit_caption.utils.progress import Progress, no_progress, report_progress

BOX_VALUES = 5
"""Number of values of a line with a box: the class and four numbers."""

MAX_OVERHANG = 0.5
"""How far corners may lie outside of the photo, as a share of its side."""

IMAGE_FOLDERS = frozenset(["images", "jpegimages"])
"""Names of folders of photos, in lower case; the label files are in `labels` instead."""


def read_yolo(
    folder: Path, to_fruit: ClassMapping = find_class, progress: Progress = no_progress
) -> PhotoSet:
    """Read the photos in a folder and its subfolders with their label files.

    An empty label file means that the photo shows no fruit. A photo without a label file is
    skipped, and the reason is listed. A line that can't be used is left out and listed; its photo
    then proves no total and no absence.

    Args:
        folder: Folder with one of the files of `yolo_files`.
        to_fruit: Maps class names to fruits.
        progress: Receives status messages.

    Raises:
        DataError: The class names or a folder can't be read.
    """
    config = read_config(folder)
    listed, unknown = map_classes(config.classes.values(), to_fruit)
    findings = Findings()
    pictures = choose_pictures(folder, config, findings.skip)
    texts = {fold(str(path)): path for path in folder.rglob("*") if path.suffix.lower() == ".txt"}
    labels_of = {picture: _find_labels(folder, picture, texts) for picture in pictures}
    claims = Counter(labels for labels in labels_of.values() if labels)
    photos: list[Photo] = []
    for picture in report_progress(list(pictures), f"reading {folder}", progress):
        name, labels = picture.relative_to(folder).as_posix(), labels_of[picture]
        with findings.photo(name):
            if labels is None:
                raise Unusable(f"it has no label file {_label_paths(Path(name))[0].as_posix()}")
            if claims[labels] > 1:
                raise Unusable(f"{labels.relative_to(folder)} may belong to another picture too")
            size = upright_size(check_within(picture, folder))
            boxes = PhotoBoxes(to_fruit, size)
            _read_labels(check_within(labels, folder), config, size, boxes)
            photo = Photo(
                picture,
                *size,
                listed=listed,
                group=name,
                source=folder.name,
                split=pictures[picture],
            )
            photos.append(findings.complete(photo, boxes, name))
    return PhotoSet(
        tuple(photos), listed, "YOLO", tuple(findings.skipped), unknown, notes=findings.notes()
    )


def _find_labels(folder: Path, picture: Path, texts: Mapping[str, Path]) -> Path | None:
    """Return the label file of a picture; `texts` has all text files by their folded paths."""
    paths = [folder / path for path in _label_paths(picture.relative_to(folder))]
    found = [path for path in paths if path.is_file()]
    found += [texts[key] for key in map(fold, map(str, paths)) if key in texts]
    return found[0] if found else None


def _label_paths(picture: Path) -> list[Path]:
    """Return where the label file of a picture may be: the last "images" in the path counts most.

    Args:
        picture: The picture's path, relative to the folder.
    """
    beside = picture.with_suffix(".txt")
    parts = beside.parts
    places = [n for n, part in enumerate(parts[:-1]) if part.lower() in IMAGE_FOLDERS]
    one_each = [Path(*parts[:n], "labels", *parts[n + 1 :]) for n in reversed(places)]
    all_at_once = Path(*("labels" if n in places else part for n, part in enumerate(parts)))
    return list(dict.fromkeys([*one_each, all_at_once, beside]))


def _read_labels(path: Path, config: YoloConfig, size: tuple[int, int], boxes: PhotoBoxes) -> None:
    """Add the boxes of a label file.

    Raises:
        Unusable: The file can't be read, or has a class that there is not.
    """
    try:
        lines = read_text(path).splitlines()
    except DataError as error:
        raise Unusable(f"its labels can't be used: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = _values(line, config.has_keypoints)
        except Unusable as reason:
            boxes.leave_out(f"{path.name}, line {number}: {reason}")
            continue
        if values[0] not in config.classes:
            # Then the names are those of other labels, and say nothing about the other boxes.
            raise Unusable(f"{path.name}, line {number}: there is no class {line.split()[0][:20]}")
        boxes.add(config.classes[int(values[0])], partial(_edges, values, size))


def _values(line: str, has_keypoints: bool) -> list[float]:
    """Return the class and the coordinates of a line, without a confidence or keypoints.

    Raises:
        Unusable: It has other values.
    """
    try:
        values = [float(text) for text in line.split()]
        if has_keypoints:
            del values[BOX_VALUES:]
        elif len(values) > BOX_VALUES and len(values) % 2 == 0 and 0 <= values[-1] <= 1:
            values.pop()
        if len(values) < BOX_VALUES or len(values) % 2 == 0 or not all(map(math.isfinite, values)):
            raise ValueError
    except ValueError:
        text = " ".join(line.split())[:60]
        raise Unusable(f"{text!r} is not a class and four numbers, or the corners") from None
    return values


def _edges(values: list[float], size: tuple[int, int]) -> Edges:
    """Return the edges of a box, or of the box around a polygon."""
    if len(values) == BOX_VALUES:
        _, x, y, width, height = values
        across, down = [x - width / 2, x + width / 2], [y - height / 2, y + height / 2]
    else:
        # The corners of a turned box at the edge of the photo lie outside of it.
        near = all(-MAX_OVERHANG <= value <= 1 + MAX_OVERHANG for value in values[1:])
        corners = [min(max(value, 0.0), 1.0) if near else value for value in values[1:]]
        across, down = corners[0::2], corners[1::2]
    return min(across) * size[0], min(down) * size[1], max(across) * size[0], max(down) * size[1]
