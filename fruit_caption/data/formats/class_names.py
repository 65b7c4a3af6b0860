"""Maps the class names of annotations to fruits, with the help of the user's own names."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from fruit_caption.language.classes import NOT_FRUIT, find_class
from fruit_caption.language.fruits import FRUITS
from fruit_caption.language.words import ascii_words, find_fruit
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import read_json, read_text

NOT_FRUIT_VALUE = "not fruit"
"""Value in a names file of a class that is not fruit."""


class ClassNames:
    """Maps class names to fruits, see `class_mapping`.

    Args:
        own: Fruit, or `NOT_FRUIT`, of each class name of the user.

    Attributes:
        unused: The names in `own` that were not asked for yet.
    """

    def __init__(self, own: Mapping[str, str]) -> None:
        self._own = {_normalize(name): fruit for name, fruit in own.items()}
        self.unused = set(self._own)

    def __call__(self, name: str) -> str | None:
        """Return the fruit that a class name stands for, `NOT_FRUIT`, or None if it is unknown."""
        key = _normalize(name)
        self.unused.discard(key)
        return self._own[key] if key in self._own else find_class(name)


def class_mapping(table: Path | None) -> ClassNames:
    """Return a mapping from class names to fruits.

    Args:
        table: JSON file that maps class names to fruits or to "not fruit", such as
            {"boskoop": "apple", "leaf": "not fruit"}, and takes precedence over the built-in names;
            or None.

    Raises:
        DataError: The file can't be read, maps a class to anything else, or has a class twice.
    """
    own: dict[str, str] = {}
    if table is None:
        return ClassNames(own)
    read_json(table)  # raises the errors
    seen: set[str] = set()
    for name, value in json.loads(read_text(table), object_pairs_hook=list):
        if _normalize(name) in seen:
            raise DataError(f"{table}: the class {name!r} is there twice.")
        seen.add(_normalize(name))
        own[name] = _read_value(table, value)
    return ClassNames(own)


def _read_value(table: Path, value: object) -> str:
    if isinstance(value, str):
        if " ".join(ascii_words(value)) == NOT_FRUIT_VALUE:
            return NOT_FRUIT
        if fruit := find_fruit(value):
            return fruit
    fruits = ", ".join(FRUITS)
    raise DataError(
        f'{table}: {str(value)[:60]!r} is neither "{NOT_FRUIT_VALUE}" nor one of {fruits}.'
    )


def _normalize(name: str) -> str:
    """Return a class name without the differences between tools: case, "_", "-" and spaces."""
    text = unicodedata.normalize("NFC", name).casefold()
    return " ".join(text.replace("_", " ").replace("-", " ").split())
