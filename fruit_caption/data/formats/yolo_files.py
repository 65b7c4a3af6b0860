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
from fruit_caption.data.records import Split
from fruit_caption.data.splits import split_in_path, split_named
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
        pictures: Values of the entries that name folders or lists of pictures, and their splits.
        root: Folder that they are relative to, or "".
        has_keypoints: Whether the lines of the label files go on with keypoints after the box.
    """

    path: Path
    classes: dict[int, str]
    pictures: tuple[tuple[str, Split | None], ...] = ()
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
        entries = [(content.get(name), split_named(name)) for name in SPLIT_ENTRIES]
        values = [(v, s) for entry, s in entries for v in _as_list(entry) if isinstance(v, str)]
        return YoloConfig(
            path,
            _read_names(content.get("names")),
            tuple(values),
            str(content.get("path") or ""),
            "kpt_shape" in content,
        )
    except RecursionError:
        reason = "it is nested too deeply"
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        reason = f"{line}{error.problem or 'it is not valid YAML'}"[:100]
    except (ValueError, TypeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:100]
    raise DataError(f"{path} is not a YOLO list of classes: {reason}.")


def _as_list(entry: Any) -> list[Any]:
    return entry if isinstance(entry, list) else [entry]


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
) -> dict[Path, Split | None]:
    """Return the pictures of a folder: all, or those that the lists of its YAML file name.

    Args:
        folder: The folder.
        config: The content of its YAML file.
        skip: Lists what is left out: a name and the reason.

    Returns:
        The split of each picture, as far as the YAML file tells it.
    """
    pictures = list(find_images(folder))
    if not pictures and config.root:
        skip(config.path.name, f"its path {config.root[:100]} leads out of the folder; read that")
    lists = {path: s for value, s in config.pictures if (path := _find_list(folder, config, value))}
    listed = _read_lists(folder, config, lists, skip)
    folders = _folders(folder, config)
    chosen: dict[Path, Split | None] = {}
    for picture in pictures:
        splits = [split for place, split in folders if picture.is_relative_to(place)]
        if lists and picture not in listed and not splits:
            skip(picture.relative_to(folder), f"{config.path.name} does not name it")
            continue
        # In "train: images" and "val: images", only the names of inner folders can tell.
        entry = splits[0] if len(set(splits)) == 1 else None
        inner = split_in_path(picture.relative_to(folder), Path())
        chosen[picture] = listed.get(picture) or inner or entry
    return chosen


def _read_lists(
    folder: Path,
    config: YoloConfig,
    lists: dict[Path, Split | None],
    skip: Callable[[object, object], None],
) -> dict[Path, Split | None]:
    """Return the split of each picture in some lists of pictures."""
    finder, listed = PictureFinder(folder), dict[Path, Split | None]()
    for path, split in lists.items():
        bases = list(dict.fromkeys([path.parent, *_roots(folder, config), folder]))
        for line in filter(None, map(str.strip, read_text(path).splitlines())):
            try:
                listed.setdefault(finder.find(line, bases)[0], split)
            except Unusable as reason:
                skip(f"{path.name}: {line}", reason)
    return listed


def _roots(folder: Path, config: YoloConfig) -> list[Path]:
    """Return the folders in which the entries may be: `path`, if it is inside, and the folder."""
    inside = _inside(config.root)
    return [folder / inside, folder] if inside else [folder]


def _folders(folder: Path, config: YoloConfig) -> list[tuple[Path, Split | None]]:
    """Return the folders of pictures that the entries name, with their splits."""
    values = [(inside, split) for value, split in config.pictures if (inside := _inside(value))]
    paths = [(root / inside, s) for root in _roots(folder, config) for inside, s in values]
    return [(path, split) for path, split in paths if os.path.isdir(path)]


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
