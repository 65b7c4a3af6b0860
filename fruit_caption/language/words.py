"""Recognizes fruit names and numbers in a text.

A fruit counts as one word, even if its name has several ("passion fruit").
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from fruit_caption.language.fruits import FRUITS, NUMBER_WORDS, SPELLINGS, SYNONYMS

GENERIC_NAMES = frozenset(["fruit", "fruits"])
"""Words that mean fruit of any kind."""

_MAX_SPELLING_WORDS = max(len(spelling.split()) for spelling in SPELLINGS)

_MIN_TYPO_LENGTH = 5
"""Minimum length of a word for which typos are corrected.

Shorter words are too close to other words: "time" is not "lime", "year" is not "pear".
"""


@dataclass(frozen=True)
class Word:
    """A word of a text.

    Attributes:
        spelling: The word in lower case, as it stands in the text.
        fruit: The fruit that it names (one of `FRUITS`), or None.
    """

    spelling: str
    fruit: str | None

    @property
    def singular(self) -> bool:
        """Whether the word is the singular of a fruit."""
        return self.spelling in FRUITS or self.spelling in SYNONYMS


def ascii_words(text: str) -> list[str]:
    """Split a text into lower-case ASCII words and numbers, without punctuation."""
    return re.findall(r"[a-z]+|\d+", text.lower().replace("'", "").replace("’", ""))


def read_words(text: str) -> list[Word]:
    """Split a text into words and recognize the fruits among them."""
    parts = ascii_words(text)
    words: list[Word] = []
    start = 0
    while start < len(parts):
        # The longest name wins: "passion fruit" is not "fruit".
        for length in range(min(_MAX_SPELLING_WORDS, len(parts) - start), 0, -1):
            spelling = " ".join(parts[start : start + length])
            fruit = SPELLINGS.get(spelling)
            if fruit is not None or length == 1:
                words.append(Word(spelling, fruit))
                start += length
                break
    return words


def read_number(word: str) -> int | None:
    """Return the number that a word means (0 for "no" and "none"), or None."""
    if word in ("no", "none"):
        return 0
    if word.isdigit():
        return int(word[:9])
    return NUMBER_WORDS.index(word) if word in NUMBER_WORDS else None


def find_fruit(name: str) -> str | None:
    """Return the fruit of a class name such as "Apples", "passion_fruit" or "satsuma", or None."""
    return SPELLINGS.get(" ".join(ascii_words(name.replace("_", " ").replace("-", " "))))


def correct_typo(word: str, known: Collection[str]) -> str | None:
    """Return the known word with the same first letter that is one typo away.

    Returns:
        One of `known`, or None if there is none or if several mean different things.
    """
    if len(word) < _MIN_TYPO_LENGTH - 1:
        return None
    similar = sorted(
        other
        for other in known
        if len(other) >= _MIN_TYPO_LENGTH and other[0] == word[0] and _is_one_typo(word, other)
    )
    return similar[0] if len({SPELLINGS.get(other, other) for other in similar}) == 1 else None


def _is_one_typo(word: str, spelling: str) -> bool:
    """Return whether one letter was added, omitted, replaced, or swapped with its neighbor."""
    if abs(len(word) - len(spelling)) > 1:
        return False
    start = 0
    while start < min(len(word), len(spelling)) and word[start] == spelling[start]:
        start += 1
    word, spelling = word[start:], spelling[start:]
    swapped = word[:2] == spelling[1::-1] and len(spelling) > 1 and word[2:] == spelling[2:]
    return swapped or word[1:] == spelling or word == spelling[1:] or word[1:] == spelling[1:]
