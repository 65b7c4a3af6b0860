"""Finds the photo of each XML file of Pascal VOC.

An XML file names its photo, but often as it was called, and where it lay, on another machine. A
photo of that name counts if it lies beside the XML file or in a parallel tree of folders, such as
`Annotations/monday` and `JPEGImages/monday`; one in an unrelated folder is another photo.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from fruit_caption.data.formats.pictures import by_name, compose, fold, spell
from fruit_caption.utils.paths import Unusable

KIND_FOLDERS = frozenset(
    "annotations annotation annots anno annos labels label xml xmls voc boxes bboxes jpegimages "
    "images image imgs img photos photo pictures picture pics jpg jpgs jpeg png data".split()
)
"""Names of folders that tell what kind of files they hold, in lower case."""

SAME, PARALLEL, FLAT, UNRELATED = range(4)
"""How near the folder of a picture is to that of an XML file: the same, at the same place of a
parallel tree, at another depth of it, or elsewhere."""


@dataclass(frozen=True)
class _Claim:
    """An XML file that describes a picture.

    Attributes:
        xml: Path of the XML file.
        root: Its content.
        doubts: What speaks against it: another name than the picture's, and its distance.
    """

    xml: Path
    root: ElementTree.Element
    doubts: tuple[bool, bool]


class PictureMatcher:
    """Assigns XML files to pictures.

    Args:
        pictures: The pictures, relative to the folder.
        skip: Lists what is left out: a name and the reason.
    """

    def __init__(self, pictures: Iterable[Path], skip: Callable[[object, object], None]) -> None:
        paths = [PurePosixPath(path.as_posix()) for path in pictures]
        self._by_name = by_name(paths)
        self._by_stem: dict[str, list[PurePosixPath]] = defaultdict(list)
        for path in paths:
            self._by_stem[fold(path.stem)].append(path)
        self._skip = skip
        self._claims: dict[Path, list[_Claim]] = defaultdict(list)

    @property
    def described(self) -> set[Path]:
        """The pictures that an XML file describes, clearly or not."""
        return set(self._claims)

    def add(self, xml: Path, root: ElementTree.Element) -> None:
        """Add an XML file, by its path relative to the folder.

        Raises:
            Unusable: It has no photo, or several photos may be meant.
        """
        path = PurePosixPath(xml.as_posix())
        picture = self._find(path, root)
        is_far = _distance(path.parent, picture.parent) >= FLAT
        doubts = (fold(picture.stem) != fold(xml.stem), is_far)
        self._claims[Path(picture)].append(_Claim(xml, root, doubts))

    def matches(self) -> dict[Path, ElementTree.Element]:
        """Return the XML file of each picture; list those that are not clear."""
        roots = {}
        for picture, claims in self._claims.items():
            least = min(claim.doubts for claim in claims)
            best = [claim for claim in claims if claim.doubts == least]
            if any(_content(claim.root) != _content(best[0].root) for claim in best):
                names = " and ".join(str(claim.xml) for claim in best[:2])
                self._skip(picture, f"several XML files describe it: {names}")
                continue
            roots[picture] = best[0].root
            for claim in claims:
                if claim is not best[0]:
                    self._skip(claim.xml, f"another XML file describes {picture}")
        return roots

    def _find(self, xml: PurePosixPath, root: ElementTree.Element) -> PurePosixPath:
        own = _nearest(xml, self._by_stem.get(fold(xml.stem), []), [])
        filename = (root.findtext("filename") or "").strip()
        if not filename:
            return _only(own, f"there is no photo {xml.stem}")
        spellings = [PurePosixPath(spelling) for spelling in spell(filename)]
        told = [*spellings, *_labeled_places(root, spellings[0])]
        for spelling in spellings:
            named = self._by_name.get(fold(spelling.name), [])
            named = named or self._by_stem.get(fold(spelling.name), [])
            exact = [path for path in named if compose(path.name) == compose(spelling.name)]
            if nearest := _nearest(xml, exact or named, told):
                picture = _only(nearest, "")
                _check_clear(xml, picture, own, [path for path in named if _alike(path, spelling)])
                return picture
        return _only(own, f"there is no photo {spellings[-1].name} that belongs to it")


def _check_clear(
    xml: PurePosixPath,
    picture: PurePosixPath,
    own: list[PurePosixPath],
    in_named_folder: list[PurePosixPath],
) -> None:
    """Check that the name and the place of an XML file don't contradict its <filename>."""
    if in_named_folder and picture not in in_named_folder:
        raise Unusable(f"it names {in_named_folder[0]}, but lies with {picture}")
    if own and picture not in own and fold(picture.stem) != fold(xml.stem):
        raise Unusable(f"it names {picture}, but is called like {own[0]}")


def _labeled_places(root: ElementTree.Element, name: PurePosixPath) -> list[PurePosixPath]:
    """Return the paths of the photo by the elements <folder> and <path>."""
    places = []
    for text in (f"{root.findtext('folder') or ''}/{name.name}", root.findtext("path") or ""):
        try:
            places += [PurePosixPath(spelling) for spelling in spell(text.strip())]
        except Unusable:
            continue
    return places


def _nearest(
    xml: PurePosixPath, pictures: list[PurePosixPath], told: list[PurePosixPath]
) -> list[PurePosixPath]:
    """Return the pictures that an XML file may describe.

    Args:
        xml: Path of the XML file.
        pictures: Pictures that have the right name.
        told: Paths in the XML file, which may be those on another machine.
    """
    distances = {path: _distance(xml.parent, path.parent) for path in pictures}
    nearest = min(distances.values(), default=UNRELATED)
    found = [path for path in pictures if distances[path] == nearest]
    if nearest >= FLAT or len(found) > 1:
        among = pictures if nearest >= FLAT else found
        alike = [path for path in among if any(_alike(path, place) for place in told)]
        found = alike or ([] if nearest == UNRELATED else found)
    return found


def _alike(path: PurePosixPath, place: PurePosixPath) -> bool:
    """Return whether two paths have the same last folder, and it tells more than a kind of file."""
    folder = fold(path.parent.name)
    return bool(folder) and folder == fold(place.parent.name) and folder not in KIND_FOLDERS


def _distance(folder: PurePosixPath, other: PurePosixPath) -> int:
    """Return how near the folder of a picture (`other`) is to that of an XML file."""
    if folder == other:
        return SAME
    places, others = _places(folder), _places(other)
    if places == others:
        return PARALLEL
    is_tree_of_xml = len(places) < len(folder.parts)
    if others[: len(places)] == places or (is_tree_of_xml and places[: len(others)] == others):
        return FLAT
    return UNRELATED


def _places(folder: PurePosixPath) -> list[str]:
    """Return the folders of a path that don't only tell the kind of their files."""
    return [name for part in folder.parts if (name := fold(part)) not in KIND_FOLDERS]


def _only(pictures: list[PurePosixPath], reason: str) -> PurePosixPath:
    if not pictures:
        raise Unusable(reason)
    if len(pictures) > 1:
        raise Unusable(f"it may describe {pictures[0]} or {pictures[1]}")
    return pictures[0]


def _content(root: ElementTree.Element) -> list[list[str]]:
    """Return the texts of the objects of an XML file."""
    return [
        [(element.text or "").strip() for element in thing.iter()] for thing in root.iter("object")
    ]
