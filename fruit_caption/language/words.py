"""Splits text into words; a fruit is one word, however many it is spelled with."""

from __future__ import annotations

from dataclasses import dataclass

from fruit_caption.language.fruits import FRUITS, NUMBER_WORDS, SPELLINGS, SYNONYMS, split_letters

_TYPO_LENGTH = 5
"""Shorter fruits have too many honest neighbours: time is no lime, year no pear."""

_NO_TYPOS = frozenset(["beach", "grade", "grades", "grave", "graves", "peace", "plumb", "teach"])

_LONGEST_SPELLING = max(len(spelling.split()) for spelling in SPELLINGS)

ANY_FRUIT = frozenset(["fruit", "fruits"])


@dataclass(frozen=True)
class Word:
    """A word as it was spelled, and the fruit that it names, if any."""

    spelling: str
    fruit: str | None

    @property
    def singular(self) -> bool:
        """Whether it is the singular of a fruit."""
        return self.spelling in FRUITS or self.spelling in SYNONYMS


def read_words(text: str, typos: bool = False) -> list[Word]:
    """Split a text into words; a fruit is one word however many it is spelt with."""
    words, place = split_letters(text), 0
    read: list[Word] = []
    while place < len(words):
        for length in range(min(_LONGEST_SPELLING, len(words) - place), 0, -1):
            spelling = " ".join(words[place : place + length])
            fruit = SPELLINGS.get(spelling)
            if fruit is None and length == 1 and typos:
                fruit = _mend(spelling)
            if fruit is not None or length == 1:
                read.append(Word(spelling, fruit))
                place += length
                break
    return read


def _mend(word: str) -> str | None:
    """The fruit that a mistyped word means: same first letter, one slip away, no rival."""
    if len(word) < _TYPO_LENGTH - 1 or word in _NO_TYPOS or word in ANY_FRUIT:
        return None
    near = {
        fruit
        for spelling, fruit in SPELLINGS.items()
        if len(spelling) >= _TYPO_LENGTH and spelling[0] == word[0] and _one_slip(word, spelling)
    }
    return near.pop() if len(near) == 1 else None


def _one_slip(typed: str, meant: str) -> bool:
    """Whether one letter was added, left out, replaced, or swapped with its neighbour."""
    if abs(len(typed) - len(meant)) > 1:
        return False
    start = 0
    while start < min(len(typed), len(meant)) and typed[start] == meant[start]:
        start += 1
    typed, meant = typed[start:], meant[start:]
    swapped = typed[:2] == meant[1::-1] and len(meant) > 1 and typed[2:] == meant[2:]
    return swapped or typed[1:] == meant or typed == meant[1:] or typed[1:] == meant[1:]


def read_number(word: str) -> int | None:
    """The number that a word means; 0 for "no" and "none"; None if it is no number."""
    if word in ("no", "none"):
        return 0
    if word.isdigit():
        return int(word[:9])
    return NUMBER_WORDS.index(word) if word in NUMBER_WORDS else None
