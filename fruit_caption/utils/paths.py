"""Checks paths that come from files of strangers."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any


class Unusable(Exception):
    """Why one photo is left out; the reader lists it with the photo's name."""


def safe_relative_path(name: Any) -> str:
    """A file name from an annotation file, if it stays in its folder.

    Raises:
        Unusable: it is no text, absolute, or climbs out.
    """
    path = PurePosixPath(name) if isinstance(name, str) and "\0" not in name else None
    if path is None or not path.name or path.is_absolute() or ".." in path.parts:
        raise Unusable("its file name is no path inside the folder")
    return str(path)


def check_within(path: Path, folder: Path) -> Path:
    """The path of a file in a folder, if no link leads out of that folder.

    Raises:
        Unusable: one does.
    """
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise Unusable("a link leads out of the folder")
    return path


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that is too long for one is none."""
    try:
        return path.is_file()
    except OSError:
        return False
