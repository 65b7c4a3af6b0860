"""Reads `photos.csv`, a table of the sources, licenses and splits of photos.

    file,source,license,split
    apple/0001.jpg,market,CC0,train

Only `file`, the path of a photo in the folder of the table, has to be there, and one of the other
columns. Spreadsheets write such tables with commas, semicolons or tabs.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fruit_caption.data.formats.coco import IMAGES
from fruit_caption.data.records import Photo, PhotoSet
from fruit_caption.data.splits import split_named
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import decode_text
from fruit_caption.utils.listing import shorten
from fruit_caption.utils.paths import is_file

PHOTOS_CSV = "photos.csv"
"""Name of the table."""

FILE, SOURCE, LICENSE, SPLIT = "file", "source", "license", "split"
COLUMNS = (FILE, SOURCE, LICENSE, SPLIT)

DELIMITERS = ",;\t|"

_DECLARED = re.compile(r"sep=([^\w\s\"]|\t)\s*")
"""A first line that names the delimiter, as Excel writes it."""


@dataclass(frozen=True)
class Origin:
    """A row of the table.

    Attributes:
        file: The path of the photo as the table has it.
        source: Where the photo comes from; "" if the table does not say it.
        license: Terms under which the photo may be used, or "".
        split: The name of the split that the photo is meant for, or "".
    """

    file: str
    source: str
    license: str
    split: str


def apply_origins(photo_set: PhotoSet, folder: Path) -> PhotoSet:
    """Give the photos of a folder the sources, licenses and splits in its table, if it has one.

    Raises:
        DataError: The table can't be read, lacks a column, contradicts itself, or is about none of
            the photos.
    """
    tables = [path for path in sorted(folder.iterdir()) if path.name.lower() == PHOTOS_CSV]
    if not tables or not photo_set.photos:
        return photo_set
    table = tables[-1]  # "photos.csv" comes after "Photos.CSV"
    rows, notes = _read_rows(table)
    by_name = _by_name(table, rows)
    photos: list[Photo] = []
    missing: list[str] = []
    used: set[str] = set()
    for photo in photo_set.photos:
        names = _names(photo.path, folder)
        keys = [*names, *(name.casefold() for name in names)]
        origin = next((by_name[key] for key in keys if key in by_name), None)
        if origin:
            used.add(origin.file)
            photos.append(_with_origin(photo, origin))
        else:
            missing.append(names[0])
            photos.append(photo)
    unused = [row.file for row in rows if row.file not in used]
    if not used and not any(is_file(folder / _normalize(row.file)) for row in rows):
        raise DataError(
            f"{table} is about none of the photos: it names {shorten(unused) or 'no file'}; there "
            f"are {shorten(missing)}."
        )
    if missing:
        notes.append(f"{table} has no row for {len(missing)} photos: {shorten(missing)}")
    if unused:
        notes.append(f"{table} names {len(unused)} files that are not used: {shorten(unused)}")
    return replace(photo_set, photos=tuple(photos), notes=(*photo_set.notes, *notes))


def _with_origin(photo: Photo, origin: Origin) -> Photo:
    return replace(
        photo,
        source=origin.source or photo.source,
        license=origin.license or photo.license,
        split=split_named(origin.split) or photo.split,
    )


def _names(path: Path, folder: Path) -> list[str]:
    """Return the names by which a table may call a photo."""
    homes = [folder, folder / IMAGES] if path.is_relative_to(folder / IMAGES) else [folder]
    return [_normalize(path.relative_to(home).as_posix()) for home in homes]


def _normalize(name: str) -> str:
    """Return a path with slashes as on Unix, and with composed letters unlike on macOS."""
    name = unicodedata.normalize("NFC", name.strip().replace("\\", "/"))
    return name.removeprefix("./")


def _by_name(table: Path, rows: Sequence[Origin]) -> dict[str, Origin]:
    """Return the rows by the name of the file, and also by its name in lower case.

    Windows, where the table may have been written, does not tell capitals apart.
    """
    exact: dict[str, Origin] = {}
    for row in rows:
        if exact.setdefault(_normalize(row.file), row) != row:
            raise DataError(f"{table} has two different rows for {row.file}.")
    lower = Counter(name.casefold() for name in exact)
    folded = {name.casefold(): row for name, row in exact.items()}
    return {name: row for name, row in folded.items() if lower[name] == 1} | exact


def _read_rows(path: Path) -> tuple[list[Origin], list[str]]:
    """Return the rows of a table, and a note if it has columns of other names."""
    lines = list(io.StringIO(_read_text(path), newline=""))
    first = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    declared = _DECLARED.fullmatch(lines[first]) if lines[first:] else None
    first += bool(declared)
    header = lines[first] if lines[first:] else ""
    readings = {mark: _columns(header, mark) for mark in (declared[1] if declared else DELIMITERS)}
    # The delimiter that finds the most of the columns; the first of them if none does.
    delimiter = max(readings, key=lambda mark: len(set(COLUMNS) & set(readings[mark])))
    columns = readings[delimiter]
    notes = _check_columns(path, columns, header)
    rows = []
    try:
        table = _reader(lines[first + 1 :], delimiter)
        for values in table:
            if any(value.strip() for value in values):
                rows.append(_origin(path, first + 1 + table.line_num, columns, values))
    except csv.Error:
        line = first + 1 + table.line_num
        raise DataError(f"{path}, line {line}: its quotation marks don't match.") from None
    if odd := sorted({row.split for row in rows if row.split and not split_named(row.split)}):
        notes.append(f"{path} has splits that are not known: {shorten(odd)}")
    return rows, notes


def _reader(lines: Sequence[str], delimiter: str) -> Any:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _read_text(path: Path) -> str:
    """Return the text of a table; spreadsheets also write UTF-16, with a byte order mark."""
    try:
        content = path.read_bytes()
        return decode_text(content)
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path} is not in UTF-8 (line {line}); save it as CSV with that encoding."
        ) from None


def _columns(header: str, delimiter: str) -> list[str]:
    """Return the names in the first line, or none if this delimiter contradicts its quotes."""
    try:
        return [name.strip().lower() for name in next(_reader([header], delimiter), [])]
    except csv.Error:
        return []


def _check_columns(path: Path, columns: list[str], header: str) -> list[str]:
    """Return a note about unused columns.

    Raises:
        DataError: A column is missing, is there twice, or is probably misspelled.
    """
    known = ", ".join(COLUMNS)
    there = f"its first line is {header.strip()[:100]!r}"
    if FILE not in columns:
        raise DataError(f"{path} has no column {FILE!r}: {there}. The columns are {known}.")
    if twice := [name for name, number in Counter(columns).items() if number > 1 and name]:
        raise DataError(f"{path} has two columns {twice[0]!r}.")
    others = [name for name in columns if name and name not in COLUMNS]
    for name in others:
        absent = [column for column in COLUMNS if column not in columns]
        if close := get_close_matches(name, absent, 1, 0.75):
            raise DataError(f"{path} has a column {name!r}; rename it if it is {close[0]!r}.")
    if not set(columns) & {SOURCE, LICENSE, SPLIT}:
        raise DataError(f"{path} says nothing about the photos: {there}. The columns are {known}.")
    return [f"{path} has columns that are not used: {shorten(others)}"] if others else []


def _origin(path: Path, line: int, columns: list[str], values: list[str]) -> Origin:
    if any(value.strip() for value in values[len(columns) :]):
        raise DataError(
            f"{path}, line {line}: there are {len(values)} values but {len(columns)} columns."
        )
    row = {name: value.strip() for name, value in zip(columns, values, strict=False)}
    if not row.get(FILE):
        raise DataError(f"{path}, line {line}: there is no file name.")
    return Origin(**{name: row.get(name, "") for name in COLUMNS})
