"""Reads the class names of YOLO annotations, and which pictures belong to them.

`data.yaml` may have another name. Besides `names`, its entries `train`, `val` and `test` may name
lists of pictures (.txt); then only these pictures count. Their folders need not be given: all
pictures in the folder count. Instead of it, there may be a `classes.txt` (or CVAT's `obj.names`)
with one class name per line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from fruit_caption.data.formats.coco_rows import row_id
from fruit_caption.data.formats.common import find_images
from fruit_caption.data.formats.pictures import PictureFinder
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import read_text
from fruit_caption.utils.paths import Unusable, is_file, safe_relative_path

DATA_YAML, CLASSES_TXT = "data.yaml", "classes.txt"
"""The two usual files of class names."""

OTHER_NAMES = ("data.yml", "dataset.yaml", "dataset.yml", "obj.names", f"labels/{CLASSES_TXT}")
"""Other names of such files; any YAML file with an entry `names` will do, too."""

YAML_SUFFIXES = (".yaml", ".yml")

SPLIT_ENTRIES = ("train", "val", "valid", "test")
"""Entries of a YAML file that name folders or lists of pictures."""


@dataclass(frozen=True)
class YoloConfig:
    """The content of the file with the class names.

    Attributes:
        path: The file.
        classes: Class names by number.
        pictures: Values of the entries that name folders or lists of pictures.
        root: Folder that they are relative to, or "".
        has_keypoints: Whether the lines of the label files go on with keypoints after the box.
    """

    path: Path
    classes: dict[int, str]
    pictures: tuple[str, ...] = ()
    root: str = ""
    has_keypoints: bool = False


def find_class_file(folder: Path) -> Path | None:
    """Return the file with the class names of a folder of YOLO annotations."""
    paths = [folder / name for name in (DATA_YAML, CLASSES_TXT, *OTHER_NAMES)]
    found = [path for path in paths if path.is_file()]
    if not found:
        yamls = sorted(path for path in folder.iterdir() if path.suffix in YAML_SUFFIXES)
        found = [path for path in yamls if _has_names(path)]
    return found[0] if found else None


def _has_names(path: Path) -> bool:
    try:
        return bool(re.search(r"^names\s*:", read_text(path), re.MULTILINE))
    except DataError:
        return False


def read_config(folder: Path) -> YoloConfig:
    """Read the file with the class names.

    Raises:
        DataError: It is missing or invalid.
    """
    path = find_class_file(folder) or folder / CLASSES_TXT
    text = read_text(path)
    if path.suffix not in YAML_SUFFIXES:
        lines = enumerate(text.splitlines())
        return YoloConfig(path, {number: line.strip() for number, line in lines if line.strip()})
    try:
        content = yaml.safe_load(text)
        if not isinstance(content, dict):
            raise TypeError('it needs "names", a list or a mapping from numbers')
        entries = [content.get(name) for name in SPLIT_ENTRIES]
        values = [v for entry in entries for v in (entry if isinstance(entry, list) else [entry])]
        return YoloConfig(
            path,
            _read_names(content.get("names")),
            tuple(value for value in values if isinstance(value, str)),
            str(content.get("path") or ""),
            "kpt_shape" in content,
        )
    except RecursionError:
        reason = "it is nested too deeply"
    except (ValueError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:100]
    raise DataError(f"{path} is not a YOLO list of classes: {reason}.")


def _read_names(names: Any) -> dict[int, str]:
    if isinstance(names, list):
        return {number: str(name) for number, name in enumerate(names)}
    if not isinstance(names, dict):
        raise TypeError('it needs "names", a list or a mapping from numbers')
    classes: dict[int, str] = {}
    for key, name in names.items():
        number = row_id(key)
        if not isinstance(number, int):
            raise ValueError(f"{str(key)[:20]!r} is not the number of a class")
        classes[number] = str(name)
    return classes


def choose_pictures(
    folder: Path, config: YoloConfig, skip: Callable[[object, object], None]
) -> list[Path]:
    """Return the pictures of a folder: all, or those that the lists of its YAML file name.

    Args:
        folder: The folder.
        config: The content of its YAML file.
        skip: Lists what is left out: a name and the reason.
    """
    pictures = list(find_images(folder))
    lists = [path for value in config.pictures if (path := _find_list(folder, config, value))]
    if not pictures and config.root:
        skip(config.path.name, f"its path {config.root[:100]} leads out of the folder; read that")
    if not lists:
        return pictures
    finder, listed = PictureFinder(folder), set()
    for path in dict.fromkeys(lists):
        bases = list(dict.fromkeys([path.parent, *_roots(folder, config), folder]))
        for line in filter(None, map(str.strip, read_text(path).splitlines())):
            try:
                listed.add(finder.find(line, bases)[0])
            except Unusable as reason:
                skip(f"{path.name}: {line}", reason)
    folders = [place for root in _roots(folder, config) for place in _folders(root, config)]
    for picture in pictures:
        if picture not in listed and not any(picture.is_relative_to(place) for place in folders):
            skip(picture.relative_to(folder), f"{config.path.name} does not name it")
    return [
        picture
        for picture in pictures
        if picture in listed or any(picture.is_relative_to(place) for place in folders)
    ]


def _roots(folder: Path, config: YoloConfig) -> list[Path]:
    """Return the folders in which the entries may be: `path`, if it is inside, and the folder."""
    inside = _inside(config.root)
    return [folder / inside, folder] if inside else [folder]


def _folders(root: Path, config: YoloConfig) -> list[Path]:
    paths = [root / value for value in map(_inside, config.pictures) if value]
    return [path for path in paths if os.path.isdir(path)]


def _find_list(folder: Path, config: YoloConfig, value: str) -> Path | None:
    if not value.endswith(".txt"):
        return None
    inside = _inside(value)
    paths = [root / inside for root in _roots(folder, config)] if inside else []
    # The path may be that of another machine.
    return next(filter(is_file, [*paths, folder / PurePosixPath(value).name]), None)


def _inside(value: str) -> str:
    """Return a path of the YAML file, or "" if it leads out of the folder."""
    try:
        return safe_relative_path(value.replace("\\", "/"))
    except Unusable:
        return ""
