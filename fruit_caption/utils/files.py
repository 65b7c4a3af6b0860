"""Reading JSON with clear errors, and writing files so that a half-written one is never seen."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from fruit_caption.utils.errors import DataError, FruitError

LOCK = ".lock"
DRAFT = re.compile(r"\.\d+\..+")
"""The name of a file that is being written: the process and the final name."""


@contextmanager
def write_errors(path: Path, size: int = 0) -> Iterator[None]:
    """Make the folder of a file or folder, and tell in one line if `path` can't be written.

    Args:
        path: what is written in the block.
        size: bytes that there must be room for. HDF5 ends the process where a disk is full, so
            that this is to be known before.

    Raises:
        FruitError: the folder can't be written to, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield
    except OSError as error:
        raise FruitError(f"{path} can't be written: {error.strerror or error}.") from error


@contextmanager
def atomic_write(path: Path, size: int = 0) -> Iterator[Path]:
    """Give a temporary path to write to; rename it to `path` once the block ends well.

    Its arguments are those of `writing`, and it raises as that does.
    """
    # The name keeps its ending: Keras, matplotlib and Pillow choose the format by it.
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with write_errors(path, size):
            yield draft
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            os.replace(draft, path)
    finally:
        with suppress(OSError):
            draft.unlink()


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder that is written to, until the block ends.

    However a process ends, the folder is free again; what it was writing when it was killed is
    removed by the next. A folder that holds nothing in the end is removed.

    Raises:
        FruitError: another process is at work there, or the folder can't be written to.
    """
    from filelock import FileLock, Timeout  # takes a while, and asking needs none

    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise FruitError(
            f"Another process is at work in {folder}; wait for it, or choose another folder."
        ) from None
    except OSError as error:
        raise FruitError(f"{folder} can't be written: {error.strerror or error}.") from error
    try:
        remove_drafts(folder.iterdir())
        yield
    finally:
        with suppress(OSError):
            (folder / LOCK).unlink()
        lock.release()
        with suppress(OSError):
            folder.rmdir()


def digest(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped_folder(name: str) -> Path:
    """A folder of `artifacts/` that ships: in a checkout, or in the installed package."""
    checkout = Path(__file__).parents[2] / "artifacts" / name
    return checkout if checkout.is_dir() else Path(__file__).parents[1] / "shipped" / name


def remove_drafts(paths: Iterable[Path]) -> None:
    """Remove those of the paths that a killed process left where it was writing a file."""
    for path in paths:
        if DRAFT.fullmatch(path.name) and path.is_file():
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all; raises as `atomic_write` does."""
    with atomic_write(path) as draft:
        draft.write_text(text, encoding="utf-8")


class LazyRows(list):
    """A list of a JSON file, whose rows are made one by one as they are written, once.

    Args:
        rows: what the list holds.
    """

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = iter(rows)
        super().__init__(islice(self._rows, 1))  # JSON asks first whether there are any

    def __iter__(self) -> Iterator[Any]:
        return chain(super().__iter__(), self._rows)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file whole or not at all; the same content gives the same bytes.

    Memory stays flat where long lists in it are `LazyRows`. It raises as `atomic_write` does.
    """
    with atomic_write(path) as draft, draft.open("w", encoding="utf-8") as file:
        # Piece by piece: of a large data set, all pieces at once would be the most that is held.
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        DataError: it is missing, unreadable, no JSON, or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} can't be read: {error}.") from None
    except (ValueError, RecursionError) as error:  # also of numbers with thousands of digits
        raise DataError(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(content, dict):
        raise DataError(f"{path} must hold a JSON object, not a {type(content).__name__}.")
    return content
