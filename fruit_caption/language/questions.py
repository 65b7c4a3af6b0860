"""Parses a free-form question into its kind and the fruit that it asks about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from fruit_caption.language.fruits import join_words, plural
from fruit_caption.language.words import GENERIC_NAMES, Word, read_words
from fruit_caption.utils.errors import OutOfDomain

Kind = Literal["count", "total", "identify", "presence"]
"""How many of one fruit, how many fruits, which fruits, and whether there is one."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Value = int | bool | frozenset[str]
"""The meaning of an answer: an int for `count` and `total`, a set of fruits for `identify`, a bool
for `presence`."""

MAX_QUESTION_LENGTH = 200
"""Maximum length of a question, in characters."""

_EXAMPLES = (
    '"how many apples are there?", "which fruits are there?", "is there a banana?", '
    '"describe the photo"'
)

_QUOTED_LENGTH = 60
"""Maximum number of characters of a question that an error message quotes."""

_FILLER_WORDS = frozenset(
    "a an the some in on there here present visible this picture photo image".split()
)
"""Words that a question of fruit names alone may hold: "apples in the picture?"."""

# The patterns search a question in which every fruit name was replaced by FRUIT.
# The generic words "fruit" and "fruits" are kept.
_NOT_COUNTED = r"kinds?|types?|sorts?|varieties|different|people|calories|do|does|did|eat|cost"

_HOW_MANY = re.compile(
    r" (how many|howmany|(number|amount|total|quantity) of|count|tally)"
    rf"( (?!({_NOT_COUNTED}) )\w+){{0,4}} (FRUIT|fruits?) | how much fruit "
    r"| (FRUIT|fruits?) (how many|howmany|count|number|total) | total (FRUIT|fruits?) "
)

_HOW_MANY_IN_ALL = re.compile(
    r" how many (pieces|are there|do (you|u|we) (see|count)|can (you|u|we) (see|count))"
    r"( (in (all|total)|altogether|overall))? $| how many in (all|total) $"
    r"| count (everything|them|all) | (is|s) the total $"
)

_WHICH = re.compile(
    r" (which|what|whats|name|list|identify|tell me|show me)"
    r"( (is|are|me|the|all|every|these|those|this|different|kinds?|types?|sorts?|of))* fruits? "
)

_QUESTION_WORD = re.compile(r" (which|what|who|where|why|when|how) ")

_IS_THERE = re.compile(
    r" (is|are) there | there (is|are|be) | any | (can|do|could) (you|u|we|i) (see|have|spot|find) "
    r"| (does|do) .*(have|show|contain|include|hold) | contains? | got | FRUIT be (seen|found) "
    r"| (is|are) ((a|an|some|one) )?FRUIT (there|here|visible|shown|present|in|on|among) "
    r"| (is|are) (this|that|it|these|those|(one|some) of (these|those|them))( \w+){0,3} FRUIT $"
)

_CONTENTS = re.compile(
    r" (what|whats)( (is|are|s|there))* (in|on) (the|this|that) "
    r"(picture|photo|photograph|image|bowl|basket|plate|table|box|tray) "
    r"| what (do|can|have) (you|u|we) (see|here) | (name|list) (them|everything|all) "
    r"| what is in front | what does (the|this|that) (bowl|basket|plate|box|tray) (contain|hold) "
    r"| (which|what) (kinds?|types?|sorts?) are (there|in) "
    r"| (whats|what (is|s|are)) (this|that|it|these|those|there|here|shown)( here| there)? $"
)

_DESCRIBE = re.compile(
    r" (describe|description|caption) | what (is|does|do) (this|the|that) "
    r"(picture|photo|photograph|image)( (of|show|about))* $"
    r"| what is (this|that|it) (a|an) (picture|photo|photograph|image) of $"
)


@dataclass(frozen=True)
class Question:
    """A parsed question.

    Attributes:
        kind: What it asks for; "caption" for a description of the photo.
        fruit: The fruit that it asks about, if any.
    """

    kind: Kind | Literal["caption"]
    fruit: str | None = None


def parse_question(text: str) -> Question:
    """Parse a free-form question; case, punctuation and small typos don't matter.

    Raises:
        OutOfDomain: If it is neither one of the four kinds of question about fruit nor a request
            to describe the photo, if it names several fruits, or if it is too long.
    """
    if len(text) > MAX_QUESTION_LENGTH:
        raise OutOfDomain(
            f"{_quote(text)} is too long: at most {MAX_QUESTION_LENGTH} characters are allowed. "
            f"Ask for example {_EXAMPLES}."
        )
    words = read_words(text, correct_typos=True)
    if _DESCRIBE.search(f" {' '.join(word.spelling for word in words)} "):
        return Question("caption")
    kind = _find_kind(words)
    if kind is None:
        raise OutOfDomain(
            f"{_quote(text)} is not a question about fruit that can be answered here. "
            f"Ask for example {_EXAMPLES}."
        )
    if kind in ("total", "identify"):
        return Question(kind)
    fruits = list(dict.fromkeys(word.fruit for word in words if word.fruit))
    if len(fruits) > 1:
        named = join_words([plural(fruit) for fruit in fruits])
        raise OutOfDomain(f"One fruit at a time, please: the question names {named}.")
    return Question(kind, fruits[0] if fruits else None)


def _find_kind(words: list[Word]) -> Kind | None:
    """Return the kind of a question by its cue words, or None if it is about something else."""
    names_fruit = any(word.fruit for word in words)
    text = f" {' '.join('FRUIT' if word.fruit else word.spelling for word in words)} "
    if not names_fruit and GENERIC_NAMES.isdisjoint(word.spelling for word in words):
        if _HOW_MANY_IN_ALL.search(text):
            return "total"
        return "identify" if _CONTENTS.search(text) else None
    if _HOW_MANY.search(text):
        return "count" if names_fruit else "total"
    if not names_fruit and _WHICH.search(text):
        return "identify"
    if _IS_THERE.search(text) and not _QUESTION_WORD.search(text):
        return "presence"
    if any(not word.fruit and word.spelling not in _FILLER_WORDS | GENERIC_NAMES for word in words):
        return None
    return "presence" if names_fruit else "identify"


def _quote(text: str) -> str:
    """Return a text in quotes, shortened to `_QUOTED_LENGTH` characters."""
    text = " ".join(text.split())
    if len(text) > _QUOTED_LENGTH:
        text = text[: _QUOTED_LENGTH - 1] + "…"
    return f'"{text}"'
