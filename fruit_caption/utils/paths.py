"""Checks of untrusted file names, such as those in annotation files."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

NOT_INSIDE = "its file name is not a path inside the folder"
"""The reason for which a photo with an unsafe file name is not used."""


class Unusable(Exception):
    """One photo, annotation or download can't be used.

    Internal: the caller skips the item and lists it with this reason, or raises a `FruitError`.
    """


def safe_relative_path(name: Any) -> str:
    """Return a file name if it is a relative path that stays in its folder.

    Raises:
        Unusable: The name is not a string, is absolute, or contains "..".
    """
    path = PurePosixPath(name) if isinstance(name, str) and "\0" not in name else None
    if path is None or not path.name or path.is_absolute() or ".." in path.parts:
        raise Unusable(NOT_INSIDE)
    return str(path)


def check_within(path: Path, folder: Path) -> Path:
    """Return the path if it lies in the folder after symbolic links are resolved.

    Raises:
        Unusable: A link leads out of the folder.
    """
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise Unusable("a link leads out of the folder")
    return path


def encodable(name: str) -> str:
    """Return a file name as text that can be written to any UTF-8 file.

    Bytes of a name that are not UTF-8 become "%C4", as in a URL; Python holds them as half
    characters that no encoding knows.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return "".join(map(_encodable_character, name))
    return name


def _encodable_character(character: str) -> str:
    if not "\ud800" <= character <= "\udfff":
        return character
    is_byte = "\udc80" <= character <= "\udcff"
    return f"%{ord(character) - 0xDC00:02X}" if is_byte else "\N{REPLACEMENT CHARACTER}"


def is_file(path: Path) -> bool:
    """Like `Path.is_file`, but also False (not an error) for a name that is too long."""
    try:
        return path.is_file()
    except OSError:
        return False
