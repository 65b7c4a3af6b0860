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

import codecs
import math
import re
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from fruit_caption.data.formats.boxes import Edges, Findings, PhotoBoxes
from fruit_caption.data.formats.common import (
    ClassMapping,
    check_size,
    find_files,
    find_images,
    map_classes,
)
from fruit_caption.data.formats.voc_image_sets import read_image_sets
from fruit_caption.data.formats.voc_pictures import PictureMatcher
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.language.classes import find_class
from fruit_caption.utils.images import upright_size
from fruit_caption.utils.paths import Unusable, check_within
from fruit_caption.utils.progress import Progress, no_progress, report_progress

XML = ".xml"
"""Suffix of the annotation files, in lower case."""

_ENCODING = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.\-]{1,40})["']""")


def read_voc(
    folder: Path, to_fruit: ClassMapping = find_class, progress: Progress = no_progress
) -> PhotoSet:
    """Read every XML file in a folder and its subfolders, and find its photo.

    Photos and XML files that can't be used are skipped, and the reason is listed. An object that
    can't be used is left out and listed; its photo then proves no total and no absence.

    Args:
        folder: Folder to search.
        to_fruit: Maps class names to fruits.
        progress: Receives status messages.

    Raises:
        DataError: A folder can't be read.
    """
    pictures = [path.relative_to(folder) for path in find_images(folder)]
    findings = Findings()
    matcher = PictureMatcher(pictures, findings.skip)
    for path in find_files(folder, XML):
        name = path.relative_to(folder)
        with findings.photo(name):
            matcher.add(name, _parse(check_within(path, folder)))
    roots = matcher.matches()
    listed, unknown = map_classes(
        (_class(thing) for root in roots.values() for thing in root.iter("object")), to_fruit
    )
    splits = read_image_sets(folder, pictures)
    photos: list[Photo] = []
    for picture, root in report_progress(list(roots.items()), f"reading {folder}", progress):
        with findings.photo(picture):
            path = check_within(folder / picture, folder)
            size = _size(path, root)
            boxes = PhotoBoxes(to_fruit, size)
            for thing in root.iter("object"):
                boxes.add(_class(thing), partial(_edges, thing))
            source = (root.findtext("source/database") or folder.name).strip()
            photo = Photo(
                path,
                *size,
                listed=listed,
                group=picture.as_posix(),
                source=source,
                split=splits.get(picture),
            )
            photos.append(findings.complete(photo, boxes, picture))
    for picture in sorted(set(pictures) - matcher.described):
        findings.skip(picture, "it has no XML file")
    return PhotoSet(
        tuple(photos),
        listed,
        "Pascal VOC",
        tuple(findings.skipped),
        unknown,
        notes=findings.notes(),
    )


def _parse(path: Path) -> ElementTree.Element:
    """Return the root of an XML file.

    Document types are not allowed: their entities can expand to gigabytes or read other files.
    """

    def reject_doctype(*_: object) -> None:
        raise Unusable("it declares a document type, which is not allowed")

    try:
        text = _decode(path.read_bytes())
    except OSError as error:
        raise Unusable(f"it can't be read ({error.strerror})") from None
    scanner = expat.ParserCreate()
    scanner.StartDoctypeDeclHandler = reject_doctype
    try:
        scanner.Parse(text, True)
        root = ElementTree.fromstring(text)
    except UnicodeError:
        raise Unusable("it is not valid XML (half a character)") from None
    except (expat.ExpatError, ElementTree.ParseError, ValueError) as error:
        raise Unusable(f"it is not valid XML ({error})") from None
    if root.tag != "annotation":
        raise Unusable(f"the root element is <{root.tag[:40]}>, expected <annotation>")
    return root


def _decode(content: bytes) -> str:
    """Return an XML file as text; expat itself knows only a few encodings."""
    declared = _ENCODING.match(content)
    encoding = declared[1].decode("ascii") if declared else "utf-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif content.startswith((b"<\0", b"\0<")):
        encoding = "utf-16-le" if content.startswith(b"<") else "utf-16-be"
    elif content.startswith(codecs.BOM_UTF8) or "16" in encoding[:6]:
        # Where UTF-16 is declared, but is not there, a program wrote a string to a UTF-8 file.
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding)
    except LookupError:
        raise Unusable(f"its encoding {encoding} is not known") from None
    except UnicodeError:
        raise Unusable(f"it is not text in {encoding.removesuffix('-sig').upper()}") from None


def _size(path: Path, root: ElementTree.Element) -> tuple[int, int]:
    """Return the size of a photo; some tools write 0 instead."""
    width, height = (
        int(_number(root, f"size/{side}")) if (root.findtext(f"size/{side}") or "").strip() else 0
        for side in ("width", "height")
    )
    own = upright_size(path)
    check_size(own, (width or own[0], height or own[1]))
    return own


def _edges(thing: ElementTree.Element) -> Edges:
    if thing.find("bndbox") is None:
        raise Unusable(f"an object ({_class(thing)[:40]}) has no <bndbox>")
    left, top = _number(thing, "bndbox/xmin"), _number(thing, "bndbox/ymin")
    return left, top, _number(thing, "bndbox/xmax"), _number(thing, "bndbox/ymax")


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
