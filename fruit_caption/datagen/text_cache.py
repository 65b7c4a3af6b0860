"""Caches the texts of a language model on disk, so that none is generated twice."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fruit_caption.utils.errors import FruitError
from fruit_caption.utils.files import write_text

TEXT_CACHE = "written.jsonl"


class TextCache:
    """The texts of one writer by photo, in a JSON Lines file that begins with its metadata.

    A line that a killed run left incomplete is dropped, and so is the whole file if its metadata
    differs.

    Args:
        path: The file.
        metadata: Everything that the texts depend on, see `LanguageModelWriter.metadata`.

    Raises:
        FruitError: If the file can't be read or written.
    """

    def __init__(self, path: Path, metadata: dict[str, Any]) -> None:
        self.path = path
        self._rows: dict[str, dict[str, Any]] = {}
        rows = _read_rows(path)
        if rows and rows[0] == metadata:
            self._rows = {row["file_name"]: row for row in rows[1:] if "file_name" in row}
        write_text(path, "".join(_to_line(row) for row in [metadata, *self._rows.values()]))

    def get(self, name: str, facts: str) -> dict[str, Any] | None:
        """Return the row of a photo, or None if there is none with the same facts."""
        row = self._rows.get(name)
        return row if row and row.get("facts") == facts else None

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Append rows to the file and flush them to disk.

        Raises:
            FruitError: If the disk is full or the file can't be written.
        """
        try:
            with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(_to_line(row) for row in rows)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FruitError(f"{self.path} can't be written: {error.strerror or error}.") from error
        self._rows |= {row["file_name"]: row for row in rows}


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file that are JSON objects."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FruitError(f"{path} can't be read: {error.strerror or error}.") from error
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def _to_line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
