"""Writes varied training texts for a language model by filling the phrasings of `phrases.txt`.

Every text agrees with the facts it is filled with, as judged by `datagen/checker.py`. One
phrasing in eight is held out, so that a model can be tested on wordings it was not trained on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from fruit_caption.language.fruits import join_words, number_word, plural, quantity, with_article
from fruit_caption.language.questions import Kind, Value
from fruit_caption.language.tables import read_tables

PICTURES = ("photo", "picture", "image", "photograph", "snapshot", "shot")
"""Words for a photo."""

CONNECTORS = (
    "next to",
    "beside",
    "along with",
    "as well as",
    "plus",
    "together with",
    "alongside",
    "accompanied by",
)
"""Alternatives to "and" before the last fruit of a list that no verb follows."""

HELD_OUT = 1 / 8
"""The share of the phrasings of each table that is held out."""

# Probabilities that a caption
_ONLY_FRUITS = 0.25  # consists of the fruits alone
_HAS_ENDING = 0.5  # gets an ending where its phrasing allows one
_HAS_LOOK = 0.25  # says how one of the fruits looks
_HAS_CONNECTOR = 0.5  # joins the last two fruits with something other than "and"
_ONE_NOT_AN = 0.4  # says "one apple" instead of "an apple"
_SAYS_SOME = 0.5  # says "some apples" instead of "apples" where the number is unknown

_HAS_OPENER = 0.125
"""Probability that a question begins with an opener."""

_STEM_LENGTH = 4
"""Words that share this many first letters sound repetitive in one caption."""


TABLES: Mapping[str, tuple[str, ...]] = {
    name: tuple(rows) for name, rows in read_tables(Path(__file__).with_name("phrases.txt")).items()
}
"""The phrasings of `phrases.txt`, by the name of their table."""


def write_caption(
    counts: Mapping[str, int | None], rng: random.Random, held_out: bool = False
) -> str:
    """Write a caption that names every fruit with its number, in alphabetical order.

    A decoder that may name them in any order is not sure of any word.

    Args:
        counts: The number of each fruit (1 or more), or None where it is unknown, as
            `Photo.counts()` returns them. Empty for a photo without fruit.
        rng: The random generator.
        held_out: Whether to use only the held-out phrasings instead of only the others.
    """
    if not counts:
        return _fill(_choose(["caption of no fruit"], rng, held_out), rng)
    slots = _caption_slots({fruit: counts[fruit] for fruit in sorted(counts)}, rng, held_out)
    cases = _cases(counts)
    phrasing, has_ending = "{fruits}", True
    if rng.random() >= _ONLY_FRUITS:
        phrasing = _choose([f"caption{case}" for case in cases], rng, held_out)
        ends_with_fruits = phrasing.endswith(("{fruits}", "{listed}", "{fruit}"))
        has_ending = ends_with_fruits and rng.random() < _HAS_ENDING
    text = _fill(phrasing, rng, **slots)
    return text + _ending(text, cases, slots, rng, held_out) if has_ending else text


def write_question(
    kind: Kind, fruit: str | None, rng: random.Random, held_out: bool = False
) -> str:
    """Write a question in one of many phrasings.

    Args:
        kind: The kind of the question.
        fruit: The fruit that it asks about; None for `total`, `identify`, and the presence of
            any fruit.
        rng: The random generator.
        held_out: See `write_caption`.
    """
    phrasing = _choose([_topic(kind, fruit)], rng, held_out)
    if phrasing.endswith("?") and rng.random() < _HAS_OPENER:
        phrasing = f"{_choose(['opener'], rng, held_out)} {phrasing}"
    return _fill(phrasing, rng, **_fruit_slots(fruit))


def write_answer(
    kind: Kind, fruit: str | None, value: Value, rng: random.Random, held_out: bool = False
) -> str:
    """Write an answer in a short sentence. Fruits are listed in alphabetical order.

    Args:
        kind: The kind of the question.
        fruit: The fruit that it asks about, see `write_question`.
        value: The answer, see `questions.Value`.
        rng: The random generator.
        held_out: See `write_caption`.
    """
    phrasing = _choose([f"{_topic(kind, fruit)}: {_answer_case(value)}"], rng, held_out)
    slots = _fruit_slots(fruit)
    if isinstance(value, frozenset):
        names = sorted(value)
        slots |= _fruit_slots(names[0]) if len(names) == 1 else {}
        slots["names"] = join_words(names)
        slots["plurals"] = join_words([plural(name) for name in names])
    elif not isinstance(value, bool):
        slots["number"] = number_word(value)
        slots["quantity"] = quantity(value, fruit) if fruit else ""
    return _fill(phrasing, rng, **slots)


def phrasing_counts() -> dict[str, tuple[int, int]]:
    """Return the numbers of training and of held-out phrasings of each table."""
    return {name: (len(training), len(held)) for name, (training, held) in _SPLIT_TABLES.items()}


def _split(table: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split phrasings into those for training and those held out, independent of their order."""
    ranked = sorted(table, key=lambda phrasing: sha256(phrasing.encode()).hexdigest())
    held = max(1, round(len(ranked) * HELD_OUT))
    return ranked[held:], ranked[:held]


_SPLIT_TABLES = {name: _split(table) for name, table in TABLES.items()}


def _phrasings(tables: Sequence[str], held_out: bool) -> list[str]:
    return [phrasing for name in tables for phrasing in _SPLIT_TABLES[name][held_out]]


def _choose(tables: Sequence[str], rng: random.Random, held_out: bool) -> str:
    return rng.choice(_phrasings(tables, held_out))


def _fill(phrasing: str, rng: random.Random, **slots: str) -> str:
    picture = rng.choice(PICTURES)
    return phrasing.format(picture=picture, a_picture=with_article(picture), **slots)


def _cases(counts: Mapping[str, int | None]) -> list[str]:
    """Return the suffixes of the tables of captions and endings that fit these fruits."""
    total = None if None in counts.values() else sum(number or 0 for number in counts.values())
    if len(counts) > 1:
        return ["", " of two" if total == 2 else " of several", " of several kinds"]
    if total is None:
        return [""]
    return ["", *{1: [" of one"], 2: [" of two"]}.get(total, [" of several", " of one kind"])]


def _caption_slots(
    counts: Mapping[str, int | None], rng: random.Random, held_out: bool
) -> dict[str, str]:
    """Return the slots of a caption that names these fruits in this order."""
    fruits = list(counts)
    first = fruits[0]
    looks = dict.fromkeys(fruits, "")
    if rng.random() < _HAS_LOOK:
        looks[rng.choice(fruits)] = _choose(["look"], rng, held_out) + " "
    parts = [_amount(number, fruit, looks[fruit], rng) for fruit, number in counts.items()]
    several = len(parts) > 1 or counts[first] != 1
    first_verb = "is" if counts[first] == 1 else "are"
    return {
        "fruit": looks[first] + first,
        "fruits": _connect(parts, rng),
        "listed": join_words(parts),
        "are": "are" if several else "is",
        "have": "have" if several else "has",
        "s": "" if several else "s",
        "them": "them" if several else "it",
        "there_are": f"there {first_verb}",
        "here_are": f"here {first_verb}",
    }


def _amount(number: int | None, fruit: str, look: str, rng: random.Random) -> str:
    """Return a quantity with an adjective: "three ripe apples", "an apple", "some apples"."""
    if number is None:
        return f"{'some ' if rng.random() < _SAYS_SOME else ''}{look}{plural(fruit)}"
    if number == 1:
        return f"one {look}{fruit}" if rng.random() < _ONE_NOT_AN else with_article(look + fruit)
    return f"{number_word(number)} {look}{plural(fruit)}"


def _connect(parts: list[str], rng: random.Random) -> str:
    """Join quantities: "two apples and a pear", "two apples next to a pear"."""
    if len(parts) == 1 or rng.random() >= _HAS_CONNECTOR:
        return join_words(parts)
    return f"{join_words(parts[:-1])} {rng.choice(CONNECTORS)} {parts[-1]}"


def _ending(
    text: str, cases: Sequence[str], slots: dict[str, str], rng: random.Random, held_out: bool
) -> str:
    """Return an ending that repeats no word of the caption, or "" if there is none."""
    endings = _phrasings([f"ending{case}" for case in cases], held_out)
    endings = [ending for ending in endings if _stems(ending).isdisjoint(_stems(text))]
    ending = _fill(rng.choice(endings), rng, **slots) if endings else ""
    return ending if ending.startswith(",") else f" {ending}".rstrip()


def _stems(text: str) -> set[str]:
    """Return the first letters of all but the short words."""
    words = re.findall("[a-z]+", text)
    return {word[:_STEM_LENGTH] for word in words if len(word) >= _STEM_LENGTH}


def _topic(kind: Kind, fruit: str | None) -> str:
    return "any fruit" if kind == "presence" and fruit is None else kind


def _answer_case(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return {0: "none", 1: "one"}.get(len(value), "several")
    return {0: "none", 1: "one"}.get(value, "many")


def _fruit_slots(fruit: str | None) -> dict[str, str]:
    if not fruit:
        return {}
    return {"fruit": fruit, "a_fruit": with_article(fruit), "plural": plural(fruit)}
