"""Finds the COCO files in a folder, and the folders of their photos, where tools put them.

    FOLDER/instances.json                       images/ or beside it        fruit, and others
    FOLDER/annotations/instances_train.json     images/train/ or images/    CVAT, COCO itself
    FOLDER/train/_annotations.coco.json         beside it                   Roboflow
    FOLDER/result.json                          images/                     Label Studio
    FOLDER/labels.json                          data/                       FiftyOne

With `instances.json` in the folder itself, no other file is read.
"""

from __future__ import annotations

from pathlib import Path

from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import read_json
from fruit_caption.utils.listing import is_hidden

INSTANCES = "instances.json"
"""Name of the annotation file of a data set."""

IMAGES = "images"
"""Name of the folder of photos."""

FILE_NAMES = ("_annotations.coco.json", "instances_*.json", INSTANCES, "result.json", "labels.json")
"""Names of annotation files in a folder, its folders of splits, and their `annotations`."""

ANNOTATION_FOLDERS = frozenset(["annotations", "annotation", "labels"])
"""Names of folders of annotations only, in lower case; the photos lie beside them."""

_PREFIX = "instances_"


def find_annotation_files(folder: Path) -> list[Path]:
    """Return the COCO files of a folder; another name than the usual ones needs COCO content."""
    if (folder / INSTANCES).is_file():
        return [folder / INSTANCES]
    for name in FILE_NAMES:
        places = (name, f"*/{name}", f"*/annotations/{name}")
        found = sorted(path for place in places for path in folder.glob(place))
        found = [p for p in found if not any(map(is_hidden, p.relative_to(folder).parts))]
        if found:
            return found
    others = [*sorted(folder.glob("*.json")), *sorted(folder.glob("annotations/*.json"))]
    return [path for path in others if _is_coco(path)]


def subset_of(annotations: Path) -> str:
    """Return the part of a set that a file is about: "val2017" of "instances_val2017.json"."""
    return annotations.stem.removeprefix(_PREFIX)


def picture_folders(folder: Path, annotations: Path) -> list[Path]:
    """Return the folders that the file names in a COCO file may be relative to."""
    if annotations == folder / INSTANCES:
        return [folder / IMAGES, folder]
    place = annotations.parent
    is_apart = place != folder and place.name.lower() in ANNOTATION_FOLDERS
    home = place.parent if is_apart else place
    subset = subset_of(annotations)
    subsets = [home / IMAGES / subset, home / subset] if annotations.stem != subset else []
    # A set, because two of them may be the same.
    return list(dict.fromkeys([*subsets, home / IMAGES, home / "data", home, place]))


def _is_coco(path: Path) -> bool:
    try:
        content = read_json(path)
    except DataError:
        return False
    return all(isinstance(content.get(key), list) for key in ("images", "annotations"))
