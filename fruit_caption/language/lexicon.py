"""Turns a question into tokens: what each of its words means, by `lexicon.txt`.

Every word becomes part of a token. Words that say nothing ("please", "the") are dropped, and a word
that is in no table becomes an "unknown" token, so that no word is lost unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fruit_caption.language.fruits import NUMBER_WORDS, SPELLINGS
from fruit_caption.language.tables import read_tables
from fruit_caption.language.words import correct_typo

TOPICS = ("colors", "ripeness", "sizes", "prices", "tastes", "shapes", "places", "vague numbers")
"""The tables of words whose meaning can't be told from counts."""

_WORD = re.compile(r"[a-z]+|-?\d+|,|[^\x00-\x7f\W]+|[<>=$€%#/*]|[\u2190-\U0001faff]")
"""Letters of any language, numbers, commas, and signs that mean something."""

_DETERMINERS = frozenset("the my your our his her their in on at from inside into within".split())
"""Words before "bowl" or "table" by which that stands for the photo."""


@dataclass(frozen=True)
class Token:
    """A word or phrase of a question.

    Attributes:
        kind: The table of `lexicon.txt` that has it; "fruit", "number", "comma" or "unknown".
        text: The words as they were typed, in lower case.
        fruit: The fruit that it names, for "fruit".
        number: The number that it means, for "number".
        opposite: For a word of `TOPICS`, what it tells fruit apart from: "green" for "red", "other"
            for "yellow", or "" if it doesn't describe a fruit ("where").
    """

    kind: str
    text: str
    fruit: str = ""
    number: int = 0
    opposite: str = ""


def _read_tables() -> dict[str, list[str]]:
    tables = read_tables(Path(__file__).with_name("lexicon.txt"))
    return {
        name: [phrase.strip() for row in rows for phrase in row.split(",")]
        for name, rows in tables.items()
    }


def _read_spellings(table: Sequence[str]) -> dict[str, list[str]]:
    pairs = (entry.split(" = ") for entry in table)
    return {wrong: right.split() for wrong, right in pairs}


def _read_phrases(tables: Mapping[str, Sequence[str]]) -> dict[tuple[str, ...], Token]:
    """Return the token of each phrase, by its words in their plain spelling."""
    phrases: dict[tuple[str, ...], Token] = {}
    for kind, table in tables.items():
        for entry in table:
            text, _, meant = entry.partition(" = ")
            text, _, opposite = text.partition("/")
            words = tuple(chain.from_iterable(_SPELLINGS.get(w, [w]) for w in text.split()))
            phrases.setdefault(words, Token(kind, text, "", int(meant or 0), opposite))
    for number, word in enumerate(NUMBER_WORDS):
        phrases[(word,)] = Token("number", word, number=number)
    for spelling, fruit in SPELLINGS.items():
        phrases[tuple(spelling.split())] = Token("fruit", spelling, fruit)
    return phrases


_TABLES = _read_tables()
_REAL_WORDS = frozenset(_TABLES.pop("real words"))
_CUE_WORDS = frozenset(_TABLES.pop("corrected"))
_SPELLINGS = _read_spellings(_TABLES.pop("spelling"))
_PHRASES = _read_phrases(_TABLES)
_LONGEST = max(map(len, _PHRASES))
_WORDS = frozenset(chain.from_iterable(_PHRASES)) | frozenset(_SPELLINGS)
_CORRECTED = _CUE_WORDS.union(*(spelling.split() for spelling in SPELLINGS))


def correct(text: str) -> str:
    """Return a question in lower case, with typos and short forms corrected: "r" becomes "are"."""
    return " ".join(word for word, _ in _split(text))


def read_tokens(text: str) -> list[Token]:
    """Return the tokens of a question without those that say nothing."""
    words = _split(text)
    tokens: list[Token] = []
    start = 0
    while start < len(words):
        token, length = _match(words, start)
        tokens.append(token)
        start += length
    tokens = [_in_context(tokens, place) for place in range(len(tokens))]
    return [token for token in tokens if token.kind not in ("filler", "photo", "scene")]


def _split(text: str) -> list[tuple[str, str]]:
    """Split a question into (plain spelling, word as typed), with typos corrected."""
    text = re.sub("[&+]", " and ", re.sub("['’]", "", text.lower()))
    words: list[tuple[str, str]] = []
    for typed in _WORD.findall(text):
        plain = _SPELLINGS.get(typed)
        if plain is None and typed.isascii() and typed not in _WORDS and typed not in _REAL_WORDS:
            fixed = correct_typo(typed, _CORRECTED)
            plain = _SPELLINGS.get(fixed, [fixed]) if fixed else None
        words += [(word, typed) for word in plain or [typed]]
    return words


def _match(words: Sequence[tuple[str, str]], start: int) -> tuple[Token, int]:
    """Return the token of the longest phrase that starts here, and its number of words."""
    for length in range(min(_LONGEST, len(words) - start), 0, -1):
        part = words[start : start + length]
        found = _PHRASES.get(tuple(word for word, _ in part))
        if found is not None:
            typed = " ".join(dict.fromkeys(typed for _, typed in part))
            return Token(found.kind, typed, found.fruit, found.number, found.opposite), length
    word, typed = words[start]
    if word == ",":
        return Token("comma", typed), 1
    if word.isdecimal():
        return Token("number", typed, number=int(word[:9])), 1
    return Token("unknown", typed), 1


def _in_context(tokens: Sequence[Token], place: int) -> Token:
    """Return a token, or what it means between its neighbors.

    - "the bowl" stands for the photo; "a bowl" and "apple bowl" are things that can't be seen.
    - "the red bowl" is a place.
    - "one" is a number only in front of what is counted, or behind "exactly" and the like.
    - "is everything an apple?" is about all fruit.
    - "about three" is vague, "about apples" not known; "between apples" is a place, "between two
      and five" not known.
    - "or more" is a number's, else an "or".
    - "an orange apple", "are the apples orange?" and "cherry tomatoes" are looks of a fruit.
    """
    token = tokens[place]
    before = tokens[place - 1] if place else Token("", "")
    after = tokens[place + 1] if place + 1 < len(tokens) else Token("", "")
    if token.kind == "scene" and not (_is_determiner(before) or _is_look(tokens, place - 1)):
        return Token("unknown", token.text)
    if token.kind == "photo" and before.kind in ("fruit", "any", "unknown", "a", "number"):
        return Token("unknown", token.text)
    if after.kind == "scene" and _is_look(tokens, place):
        return Token("places", f"{token.text} {after.text}")
    if token.text == "one" and not (
        after.kind in ("fruit", "any", "kinds", *TOPICS)
        or before.kind in ("exactly", "at least", "at most", "only", "than", "or more", "or fewer")
        or after.kind in ("or more", "or fewer")
    ):
        return Token("filler", token.text)
    if token.kind in ("or more", "or fewer") and before.kind != "number" and after.kind == "fruit":
        return Token("or", token.text)  # "more apples or more bananas"
    if token.text == "everything" and after.kind in ("a", "fruit"):
        return Token("all", token.text)
    if token.text == ("between" if after.kind == "number" else "about"):
        return Token("unknown", token.text)
    if _is_look_of_fruit(token, before, after):
        return Token("colors", token.text, opposite="other")
    return token


def _is_look_of_fruit(token: Token, before: Token, after: Token) -> bool:
    """Return whether the name of a fruit says how another one looks."""
    if token.kind != "fruit" or token.text != token.fruit:
        return False
    is_color = token.text == "orange" and (before.kind == "fruit" or after.text in ("ones", "one"))
    return is_color or after.kind == "fruit"


def _is_determiner(token: Token) -> bool:
    return token.kind == "filler" and token.text.split()[-1] in {
        *_DETERMINERS, "this", "that", "those", "these",
    }  # fmt: skip


def _is_look(tokens: Sequence[Token], place: int) -> bool:
    """Return whether a token describes the thing behind it: "red" in "the red bowl"."""
    return (
        place > 0
        and tokens[place].kind in ("unknown", *TOPICS)
        and _is_determiner(tokens[place - 1])
    )
