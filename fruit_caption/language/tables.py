"""Reads files of tables: `[name]` begins a table or goes on with it, `#` begins a comment."""

from __future__ import annotations

from pathlib import Path


def read_tables(path: Path) -> dict[str, list[str]]:
    """Return the rows of each table of a file by its name, without comments and empty lines."""
    tables: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            table = tables.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            table.append(line)
    return tables
