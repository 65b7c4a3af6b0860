"""Finds the pictures that annotations name, however the tool wrote the names.

A picture is its path: one in another folder is never taken because it has the same name.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from fruit_caption.data.formats.common import find_images
from fruit_caption.utils.paths import NOT_INSIDE, Unusable, check_within, is_file

_ABSOLUTE = re.compile(r"(file://|[A-Za-z]:)?/+")
"""The beginning of an absolute path, on Windows with a drive, or of the URL of a file."""


class PictureFinder:
    """Finds the pictures of a folder by the names in its annotations.

    Args:
        folder: The folder; pictures outside of it are not found.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_spelling: dict[str, list[Path]] | None = None

    def find(self, name: Any, bases: Sequence[Path]) -> tuple[Path, bool]:
        """Return the picture of a name, and whether it has this very path in one of the bases.

        A name may be written as on Windows or in a URL, in capitals, or with composed or decomposed
        letters. Of an absolute path on another machine, the end counts.

        Args:
            name: The name in an annotation.
            bases: Folders that it may be relative to; the first that has it counts.

        Raises:
            Unusable: There is no such picture, or the name is not clear.
        """
        spellings = spell(name)
        for spelling in spellings:
            if not _ABSOLUTE.match(spelling) and (path := self._look_up(spelling, bases)):
                return path, True
        for spelling in spellings:
            if start := _ABSOLUTE.match(spelling):
                parts = PurePosixPath(spelling[start.end() :]).parts
                for first in range(len(parts)):
                    if path := self._look_up("/".join(parts[first:]), bases):
                        return path, first == 0
        if all(map(_ABSOLUTE.match, spellings)):
            raise Unusable(NOT_INSIDE)
        raise Unusable(f"there is no such file in {bases[0]}")

    def _look_up(self, name: str, bases: Sequence[Path]) -> Path | None:
        for base in bases:
            if is_file(base / name):
                return check_within(base / name, self._folder)
        for base in bases:
            if path := self._look_up_spelling(base / name):
                return check_within(path, self._folder)
        return None

    def _look_up_spelling(self, path: Path) -> Path | None:
        if self._by_spelling is None:
            self._by_spelling = defaultdict(list)
            for picture in find_images(self._folder):
                self._by_spelling[fold(str(picture))].append(picture)
        found = self._by_spelling.get(fold(str(path)), [])
        found = [other for other in found if compose(str(other)) == compose(str(path))] or found
        if len(found) > 1:
            raise Unusable(f"it may be {found[0].name} or {found[1].name}")
        return found[0] if found else None


def spell(name: Any) -> list[str]:
    """Return the ways in which a name in an annotation can be read, the literal one first.

    Raises:
        Unusable: It is not a name, or leads to a parent folder.
    """
    if name is None:
        raise Unusable("it has no file name")
    if not isinstance(name, str) or "\0" in name:
        raise Unusable(NOT_INSIDE)
    readings = [other for text in (name, unquote(name)) for other in (text, _slashes(text))]
    safe = [reading for reading in dict.fromkeys(readings) if _is_safe(reading)]
    if not safe or not _is_safe(_slashes(name)):
        raise Unusable(NOT_INSIDE)
    return safe


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.name) and ".." not in path.parts and "\0" not in name


def compose(name: str) -> str:
    """Return a name with composed letters; macOS decomposes those of files."""
    return unicodedata.normalize("NFC", name)


def fold(name: str) -> str:
    """Return a name without the differences between file systems: composition and case."""
    return compose(compose(name).casefold())


def by_name(paths: Iterable[PurePosixPath]) -> dict[str, list[PurePosixPath]]:
    """Return paths by their folded file names."""
    found: dict[str, list[PurePosixPath]] = defaultdict(list)
    for path in paths:
        found[fold(path.name)].append(path)
    return found
