"""Reads Pascal VOC annotations: one XML file per photo, beside it or anywhere in the folder.

FOLDER/
    JPEGImages/bowl.jpg
    Annotations/bowl.xml

<annotation>
    <filename>bowl.jpg</filename>
    <size><width>640</width><height>480</height></size>
    <object>
        <name>apple</name>
        <bndbox><xmin>10</xmin><ymin>20</ymin><xmax>110</xmax><ymax>95</ymax></bndbox>
    </object>
</annotation>
"""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from fruit_caption.data.formats.common import (
    ClassMapping,
    check_size,
    clip_box,
    find_files,
    find_images,
    map_classes,
    skip_unusable,
)
from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.language.words import find_fruit
from fruit_caption.utils.paths import Unusable, check_within, safe_relative_path
from fruit_caption.utils.progress import Progress, no_progress, report_progress


def read_voc(
    folder: Path, to_fruit: ClassMapping = find_fruit, progress: Progress = no_progress
) -> PhotoSet:
    """Read every XML file in a folder and its subfolders, and find its photo.

    The photo is searched by the file name in the XML, then by the name of the XML file. Photos and
    XML files that can't be used are skipped, and the reason is listed.

    Args:
        folder: Folder to search.
        to_fruit: Maps class names to fruits.
        progress: Receives status messages.

    Raises:
        DataError: A folder can't be read.
    """
    pictures = {path.name: path for path in find_images(folder)}
    by_stem = {path.stem: path for path in pictures.values()}
    roots: dict[Path, ElementTree.Element] = {}
    skipped: list[str] = []
    for path in find_files(folder, ".xml"):
        with skip_unusable(path.relative_to(folder), skipped):
            root = _parse(check_within(path, folder))
            name = safe_relative_path(root.findtext("filename") or path.stem)
            picture = pictures.get(Path(name).name) or by_stem.get(path.stem)
            if picture is None:
                raise Unusable(f"there is no photo {name}")
            if picture in roots:
                raise Unusable(f"another XML file describes {picture.name}")
            roots[picture] = root
    listed, unknown = map_classes(
        (_class(thing) for root in roots.values() for thing in root.iter("object")), to_fruit
    )
    photos: list[Photo] = []
    for picture, root in report_progress(list(roots.items()), f"reading {folder}", progress):
        with skip_unusable(picture.relative_to(folder), skipped):
            photos.append(_photo(folder, picture, root, to_fruit, listed))
    unannotated = sorted(set(pictures.values()) - set(roots))
    skipped += [f"{picture.relative_to(folder)}: it has no XML file" for picture in unannotated]
    return PhotoSet(tuple(photos), listed, "Pascal VOC", tuple(skipped), unknown)


def _parse(path: Path) -> ElementTree.Element:
    """Return the root of an XML file.

    Document types are not allowed: their entities can expand to gigabytes or read other files.
    """

    def reject_doctype(*_: object) -> None:
        raise Unusable("it declares a document type, which is not allowed")

    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unusable(f"it can't be read ({error.strerror})") from None
    scanner = expat.ParserCreate()
    scanner.StartDoctypeDeclHandler = reject_doctype
    try:
        scanner.Parse(content, True)
        root = ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unusable(f"it is not valid XML ({error})") from None
    if root.tag != "annotation":
        raise Unusable(f"the root element is <{root.tag[:40]}>, expected <annotation>")
    return root


def _photo(
    folder: Path,
    picture: Path,
    root: ElementTree.Element,
    to_fruit: ClassMapping,
    listed: frozenset[str],
) -> Photo:
    size = width, height = int(_number(root, "size/width")), int(_number(root, "size/height"))
    check_size(check_within(picture, folder), size)
    boxes: list[FruitBox] = []
    for thing in root.iter("object"):
        left, top = _number(thing, "bndbox/xmin"), _number(thing, "bndbox/ymin")
        right, bottom = _number(thing, "bndbox/xmax"), _number(thing, "bndbox/ymax")
        box = clip_box(to_fruit(_class(thing)) or "", (left, top, right, bottom), size)
        if box.fruit:
            boxes.append(box)
    name = picture.relative_to(folder).as_posix()
    source = (root.findtext("source/database") or folder.name).strip()
    return Photo(picture, width, height, tuple(boxes), listed, group=name, source=source)


def _class(element: ElementTree.Element) -> str:
    return element.findtext("name") or ""


def _number(element: ElementTree.Element, path: str) -> float:
    text = element.findtext(path) or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Unusable(f"<{path}> must be a number, not {text[:20]!r}")
    return value
