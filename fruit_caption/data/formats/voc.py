"""Photos and boxes as Pascal VOC XML files, one beside each photo or in a folder of their own."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from fruit_caption.data.formats.common import (
    ClassNames,
    check_size,
    clip_box,
    find_images,
    skipped_line,
)
from fruit_caption.data.records import FruitBox, Photo, PhotoSet
from fruit_caption.language.fruits import find_fruit
from fruit_caption.utils.errors import PictureError
from fruit_caption.utils.paths import Unusable, check_within, safe_relative_path
from fruit_caption.utils.progress import Progress, counted, no_progress


def read_voc(
    folder: Path, names: ClassNames = find_fruit, progress: Progress = no_progress
) -> PhotoSet:
    """Read every XML file in a folder and its subfolders, and find the photo it is about.

    The photo is sought by the file name in the XML, then by the XML's own name, anywhere in the
    folder. Boxes are taken as pixels from the left upper corner. Photos and files that can't be
    used are listed in `PhotoSet.skipped`.

    Args:
        folder: to search.
        names: gives the fruit of a class name, or `None`.
        progress: told in words what is being done.

    Raises:
        DataError: a folder can't be looked into.
    """
    pictures = {path.name: path for path in find_images(folder)}
    by_stem = {path.stem: path for path in pictures.values()}
    found: dict[Path, ElementTree.Element] = {}
    skipped: list[str] = []
    for path in sorted(folder.rglob("*.xml")):
        try:
            root = _parse(check_within(path, folder))
            name = safe_relative_path(root.findtext("filename") or path.stem)
            picture = pictures.get(Path(name).name) or by_stem.get(path.stem)
            if picture is None:
                raise Unusable(f"there is no photo {name}")
            if picture in found:
                raise Unusable(f"another file is about {picture.name} too")
            found[picture] = root
        except Unusable as reason:
            skipped.append(skipped_line(path.relative_to(folder), reason))
    classes = {name for root in found.values() for name in _classes(root)}
    listed = frozenset(fruit for name in classes if (fruit := names(name)))
    photos = []
    for picture, root in counted(list(found.items()), f"reading {folder}", progress):
        try:
            photos.append(_photo(folder, picture, root, names, listed))
        except (Unusable, PictureError) as reason:
            skipped.append(skipped_line(picture.relative_to(folder), reason))
    lonely = sorted(set(pictures.values()) - set(found))
    skipped += [f"{picture.relative_to(folder)}: no XML file is about it" for picture in lonely]
    unknown = tuple(sorted(name for name in classes if not names(name)))
    return PhotoSet(tuple(photos), listed, "Pascal VOC", tuple(skipped), unknown)


def _parse(path: Path) -> ElementTree.Element:
    """The root of an XML file.

    One that declares a document type, whose entities can explode or read files, is refused.
    """

    def refuse(*_: object) -> None:
        raise Unusable("it declares a document type, which annotations have no use for")

    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unusable(f"it can't be read ({error.strerror})") from None
    scanner = expat.ParserCreate()
    scanner.StartDoctypeDeclHandler = refuse
    try:
        scanner.Parse(content, True)
        root = ElementTree.fromstring(content)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unusable(f"it is no valid XML ({error})") from None
    if root.tag != "annotation":
        raise Unusable(f"it is no VOC annotation but <{root.tag[:40]}>")
    return root


def _classes(root: ElementTree.Element) -> list[str]:
    return [thing.findtext("name") or "" for thing in root.iter("object")]


def _photo(
    folder: Path,
    picture: Path,
    root: ElementTree.Element,
    names: ClassNames,
    listed: frozenset[str],
) -> Photo:
    width, height = (int(_number(root, f"size/{side}")) for side in ("width", "height"))
    check_size(check_within(picture, folder), (width, height))
    boxes: list[FruitBox] = []
    for thing in root.iter("object"):
        edges = [_number(thing, f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
        fruit = names(thing.findtext("name") or "")
        box = clip_box(fruit or "", edges[0], edges[1], edges[2], edges[3], (width, height))
        if fruit:
            boxes.append(box)
    name = picture.relative_to(folder).as_posix()
    source = (root.findtext("source/database") or folder.name).strip()
    return Photo(picture, width, height, tuple(boxes), listed, group=name, source=source)


def _number(element: ElementTree.Element, path: str) -> float:
    text = element.findtext(path) or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Unusable(f"<{path}> is {text[:20]!r} and no number")
    return value
