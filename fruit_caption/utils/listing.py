"""Lists the pictures in a folder; every command that takes a folder uses this list."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fruit_caption.utils.images import image_suffixes

SYSTEM_FOLDERS = frozenset(["__MACOSX", "@eaDir", "$RECYCLE.BIN"])
"""Folders without a leading dot that operating systems fill with copies and thumbnails."""


@dataclass
class Listing:
    """The files in a folder and its subfolders.

    Attributes:
        pictures: The pictures by their suffix, in the order of the folders and then of the names.
        hidden: Hidden pictures, and hidden folders with pictures in them; both are passed over.
        others: The other files.
    """

    pictures: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def list_pictures(folder: Path) -> Listing:
    """List a folder and its subfolders; symbolic links to folders are not followed.

    Raises:
        OSError: A folder can't be read.
    """

    def fail(error: OSError) -> None:
        raise error

    listing = Listing()
    for parent, folders, names in os.walk(folder, onerror=fail, followlinks=False):
        here = Path(parent)
        listing.hidden += [
            here / name for name in sorted(folders) if is_hidden(name) and _any(here / name)
        ]
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        for name in sorted(names):
            if not is_picture(name):
                listing.others += [] if is_hidden(name) else [here / name]
            else:
                (listing.hidden if is_hidden(name) else listing.pictures).append(here / name)
    return listing


def is_picture(name: str) -> bool:
    """Return whether the suffix of a file name is that of a picture."""
    return Path(name).suffix.lower() in image_suffixes()


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or belongs to the system."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def hidden_note(folder: Path, hidden: Sequence[Path]) -> str:
    """Say which hidden files and folders of a folder were passed over."""
    names = [path.relative_to(folder).as_posix() for path in hidden]
    return f"{folder}: hidden files and folders are passed over: {shorten(names)}"


def others_note(folder: Path, others: Sequence[Path]) -> str:
    """Say which files of a folder are not pictures, by suffix."""
    suffixes = Counter(path.suffix.lower() or "no suffix" for path in others)
    numbers = ", ".join(f"{number} {suffix}" for suffix, number in sorted(suffixes.items()))
    return f"{folder}: files without the suffix of a picture are passed over ({numbers})"


def shorten(names: Sequence[str], shown: int = 3) -> str:
    """Join names with commas; of many, only the first ones and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _any(folder: Path) -> bool:
    """Return whether there is any picture in a folder; one that can't be read has none."""
    return any(is_picture(name) for _, _, names in os.walk(folder) for name in names)
