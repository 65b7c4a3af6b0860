"""What a language model has written, line by line as it is written: nothing is written twice."""

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
    """The texts of one writer, by photo, in a file of JSON lines whose first says who wrote.

    A line that a killed run left unfinished is dropped, as is the whole of what another writer
    wrote.

    Args:
        path: of the file.
        about: who writes, and all else that the words depend on.

    Raises:
        FruitError: the file can't be read or written.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.path = path
        self._rows: dict[str, dict[str, Any]] = {}
        lines = _read(path)
        if lines and lines[0] == about:
            self._rows = {row["file_name"]: row for row in lines[1:] if "file_name" in row}
        kept = [about, *self._rows.values()]
        write_text(path, "".join(_line(row) for row in kept))

    def row(self, name: str, facts: str) -> dict[str, Any] | None:
        """What was written about a photo of these facts."""
        row = self._rows.get(name)
        return row if row and row.get("facts") == facts else None

    def knows(self, name: str, facts: str) -> bool:
        """Whether a photo of these facts was written about."""
        return self.row(name, facts) is not None

    def add(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write some rows down, and see that they are on the disk.

        Raises:
            FruitError: the disk is full, or the file may not be written to.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(_line(row) for row in rows)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FruitError(f"{self.path} can't be written: {error.strerror or error}.") from error
        self._rows |= {row["file_name"]: row for row in rows}


def _read(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a file; what is no JSON object is passed over."""
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


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"
