"""Atomic file writing, folder locks, and JSON files with clear errors."""

from __future__ import annotations

import codecs
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
"""File name of a folder's lock."""

JSON_KINDS = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
"""What JSON calls the values that are neither objects nor numbers."""

DRAFT = re.compile(r"\.\d+\..+")
"""Name of a file that is being written: process id and final name."""


@contextmanager
def write_errors(path: Path, size: int = 0) -> Iterator[None]:
    """Create the parent folder of `path`, and turn the block's OSErrors into one-line FruitErrors.

    Args:
        path: File or folder that the block writes.
        size: Number of bytes that must be free on the disk. Checked in advance because HDF5 aborts
            the process when the disk is full.

    Raises:
        FruitError: The path can't be written, or the disk is full.
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
    """Yield a temporary path to write to; rename it to `path` if the block succeeds.

    Args:
        path: File to write.
        size: Number of bytes that must be free on the disk.

    Raises:
        FruitError: The file can't be written, the disk is full, or the path is that of a device.
    """
    # The suffix stays the same: Keras, matplotlib and Pillow derive the format from it.
    draft = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with write_errors(path, size):
            if path.exists() and not path.is_file():
                # A file would take the place of the device, or of a link to it such as /dev/stdout.
                raise FruitError(f"{path} can't be written: it is not a regular file.")
            yield draft
            with draft.open("rb") as written:
                os.fsync(written.fileno())
            os.replace(draft, path)
    finally:
        with suppress(OSError):
            draft.unlink()


def remove_drafts(paths: Iterable[Path]) -> None:
    """Remove temporary files that killed processes left behind in `atomic_write`."""
    for path in paths:
        if DRAFT.fullmatch(path.name) and path.is_file():
            path.unlink()


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Create a folder if needed and lock it against other processes until the block ends.

    The lock is released however the process ends. Temporary files of a killed process are removed
    first, and the folder is removed at the end if it is empty.

    Raises:
        FruitError: Another process has locked the folder, or it can't be written to.
    """
    from filelock import FileLock, Timeout  # slow to import, and not needed at inference

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


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shipped_folder(name: str) -> Path:
    """Path of a folder of `artifacts/`, in the checkout or in the installed package."""
    checkout = Path(__file__).parents[2] / "artifacts" / name
    return checkout if checkout.is_dir() else Path(__file__).parents[1] / "shipped" / name


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically; raises as `atomic_write` does.

    Bytes of file names that are not UTF-8 are escaped.
    """
    with atomic_write(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")


class LazyRows(list):
    """A list for `write_json` whose rows are generated while they are written; usable only once.

    Args:
        rows: The rows of the list.
    """

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = iter(rows)
        # The first row is read in advance because `json` checks whether a list is empty.
        super().__init__(islice(self._rows, 1))

    def __iter__(self) -> Iterator[Any]:
        return chain(super().__iter__(), self._rows)


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file atomically; the same content always gives the same bytes.

    Long lists in it should be `LazyRows`, to save memory. Bytes of file names that are not UTF-8
    are escaped as JSON allows it, and `read_json` reads them. Raises as `atomic_write` does.
    """
    with (
        atomic_write(path) as draft,
        draft.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")


def read_text(path: Path) -> str:
    """Read a text file in UTF-8 or UTF-16; a byte order mark, which Windows writes, is left out.

    Raises:
        DataError: The file is missing, can't be read, or has another encoding.
    """
    try:
        return decode_text(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} can't be read: byte {error.start + 1} is not text in UTF-8; save it as UTF-8."
        ) from None


def decode_text(content: bytes) -> str:
    """Decode UTF-8, or UTF-16 with a byte order mark; a mark is left out.

    Raises:
        UnicodeDecodeError: The bytes have another encoding.
    """
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        DataError: The file is missing, unreadable, not valid JSON, or holds no object.
    """
    text = read_text(path)
    if not text.strip():
        raise DataError(f"{path} is not valid JSON: it is empty.")
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{path} is not valid JSON; look at {place}.") from None
    except RecursionError:
        raise DataError(f"{path} is not valid JSON: it is nested too deeply.") from None
    except ValueError:  # more than 4300 digits
        raise DataError(f"{path} is not valid JSON: a number in it is too long.") from None
    if not isinstance(content, dict):
        kind = JSON_KINDS.get(type(content), "a number")
        raise DataError(f"{path} must hold a JSON object, not {kind}.")
    return content
