"""A phrasebook of fruit talk: what a language model learns to write from.

Fills the phrases of `phrases.py` with facts, in many thousands of ways. All that it writes is
true in the eyes of `checker.py`. One phrasing in eight is held out, so that what a model makes
of facts can be measured in words that it never learnt.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from hashlib import sha256

from fruit_caption.language.fruits import join_words, number_word, plural, quantity
from fruit_caption.language.phrases import CONNECTORS, PICTURES, TABLES
from fruit_caption.language.questions import Kind, Value

HELD_OUT = 1 / 8
"""The share of each table that is held out."""

_BARE, _ENDED, _LOOK, _CONNECTED, _ONE, _SOME, _OPENED = 0.25, 0.5, 0.25, 0.5, 0.4, 0.5, 0.125
"""How often a caption is the fruits alone, has an ending, says how a fruit looks, joins two fruits
by another word than "and", says "one apple" for "an apple" and "some apples" for "apples"; and
how often a question has an opener."""

_STEM = 4
"""Words with as many first letters in common sound clumsy one after the other."""


def write_caption(
    counts: Mapping[str, int | None], rng: random.Random, held_out: bool = False
) -> str:
    """A caption that names every fruit with its number.

    Args:
        counts: the kinds that are there, each with its number (1 or more) or `None` where that is
            unknown, as `Photo.counts()` gives them; empty for a photo without fruit.
        rng: what to draw with.
        held_out: draw from the held-out phrasings only, instead of from the others only.
    """
    if not counts:
        return _fill(_draw(["caption of no fruit"], rng, held_out), rng)
    fruits = rng.sample(sorted(counts), len(counts))
    slots = _caption_slots({fruit: counts[fruit] for fruit in fruits}, rng, held_out)
    cases = _cases(counts)
    phrasing, ended = "{fruits}", True
    if rng.random() >= _BARE:
        phrasing = _draw([f"caption{case}" for case in cases], rng, held_out)
        ended = phrasing.endswith(("{fruits}", "{listed}", "{fruit}")) and rng.random() < _ENDED
    text = _fill(phrasing, rng, **slots)
    return text + _ending(text, cases, slots, rng, held_out) if ended else text


def write_question(
    kind: Kind, fruit: str | None, rng: random.Random, held_out: bool = False
) -> str:
    """A question as one of many people might ask it.

    Args:
        kind: what is asked.
        fruit: what it is asked about; `None` for total, for identify and for the presence of any.
        rng: what to draw with.
        held_out: as in `write_caption`.
    """
    phrasing = _draw([_topic(kind, fruit)], rng, held_out)
    if phrasing.endswith("?") and rng.random() < _OPENED:
        phrasing = f"{_draw(['opener'], rng, held_out)} {phrasing}"
    return _fill(phrasing, rng, **_forms(fruit))


def write_answer(
    kind: Kind, fruit: str | None, value: Value, rng: random.Random, held_out: bool = False
) -> str:
    """An answer in a short sentence. Kinds of fruit are in alphabetical order.

    Args:
        kind: what was asked.
        fruit: what it was asked about, as in `write_question`.
        value: the answer: int for count and total, frozenset of fruits for identify, bool for
            presence.
        rng: what to draw with.
        held_out: as in `write_caption`.
    """
    phrasing = _draw([f"{_topic(kind, fruit)}: {_case_of(value)}"], rng, held_out)
    slots = _forms(fruit)
    if isinstance(value, frozenset):
        names = sorted(value)
        slots |= _forms(names[0]) if len(names) == 1 else {}
        slots |= {
            "names": join_words(names),
            "plurals": join_words([plural(name) for name in names]),
        }
    elif not isinstance(value, bool):
        slots["number"] = number_word(value)
        slots["quantity"] = quantity(value, fruit) if fruit else ""
    return _fill(phrasing, rng, **slots)


def phrasings() -> dict[str, tuple[int, int]]:
    """For each table, how many of its phrasings are for training and how many are held out."""
    return {name: (len(kept), len(held)) for name, (kept, held) in _SPLIT.items()}


def _split(table: Sequence[str]) -> tuple[list[str], list[str]]:
    """The phrasings for training, and those held out: the first by hash, wherever they stand."""
    ranked = sorted(table, key=lambda phrasing: sha256(phrasing.encode()).hexdigest())
    held = max(1, round(len(ranked) * HELD_OUT))
    return ranked[held:], ranked[:held]


_SPLIT = {name: _split(table) for name, table in TABLES.items()}


def _choices(tables: Sequence[str], held_out: bool) -> list[str]:
    return [phrasing for name in tables for phrasing in _SPLIT[name][held_out]]


def _draw(tables: Sequence[str], rng: random.Random, held_out: bool) -> str:
    return rng.choice(_choices(tables, held_out))


def _fill(phrasing: str, rng: random.Random, **slots: str) -> str:
    picture = rng.choice(PICTURES)
    return phrasing.format(picture=picture, a_picture=_a(picture), **slots)


def _cases(counts: Mapping[str, int | None]) -> list[str]:
    """The ends of the names of the tables of captions and endings that are fit for these fruits."""
    numbers = [number for number in counts.values() if number is not None]
    unsure, number = len(numbers) < len(counts), sum(numbers)
    if len(counts) == 1:
        if unsure:
            return [""]
        kind = {1: [" of one"], 2: [" of two"]}
        return ["", *kind.get(number, [" of several", " of one kind"])]
    return ["", " of two" if number == 2 and not unsure else " of several", " of several kinds"]


def _caption_slots(
    counts: Mapping[str, int | None], rng: random.Random, held_out: bool
) -> dict[str, str]:
    """What fills the phrases of a caption that names these fruits in this order."""
    fruits = list(counts)
    looks = dict.fromkeys(fruits, "")
    if rng.random() < _LOOK:
        looks[rng.choice(fruits)] = _draw(["look"], rng, held_out) + " "
    parts = [_amount(number, fruit, looks[fruit], rng) for fruit, number in counts.items()]
    several = len(parts) > 1 or counts[fruits[0]] != 1
    are_first = "is" if counts[fruits[0]] == 1 else "are"
    return {
        "fruit": looks[fruits[0]] + fruits[0],
        "fruits": _joined(parts, rng),
        "listed": join_words(parts),
        "are": "are" if several else "is",
        "have": "have" if several else "has",
        "s": "" if several else "s",
        "them": "them" if several else "it",
        "there_are": f"there {are_first}",
        "here_are": f"here {are_first}",
    }


def _amount(number: int | None, fruit: str, look: str, rng: random.Random) -> str:
    """So many of a fruit: "three ripe apples", "an apple", "some apples"."""
    if number is None:
        return f"{'some ' if rng.random() < _SOME else ''}{look}{plural(fruit)}"
    if number == 1:
        return f"one {look}{fruit}" if rng.random() < _ONE else _a(look + fruit)
    return f"{number_word(number)} {look}{plural(fruit)}"


def _joined(parts: list[str], rng: random.Random) -> str:
    """Parts in one: "two apples and a pear", "two apples next to a pear"."""
    if len(parts) == 1 or rng.random() >= _CONNECTED:
        return join_words(parts)
    return f"{join_words(parts[:-1])} {rng.choice(CONNECTORS)} {parts[-1]}"


def _ending(
    text: str, cases: Sequence[str], slots: dict[str, str], rng: random.Random, held_out: bool
) -> str:
    """An ending for a caption that says no word of it again; none where there is no such."""
    endings = _choices([f"ending{case}" for case in cases], held_out)
    endings = [ending for ending in endings if not _weighty(ending) & _weighty(text)]
    ending = _fill(rng.choice(endings), rng, **slots) if endings else ""
    return ending if ending.startswith(",") else f" {ending}".rstrip()


def _weighty(text: str) -> set[str]:
    """The stems of all but the small words."""
    return {word[:_STEM] for word in re.findall("[a-z]+", text) if len(word) >= _STEM}


def _topic(kind: Kind, fruit: str | None) -> str:
    return "any fruit" if kind == "presence" and fruit is None else kind


def _case_of(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return {0: "none", 1: "one"}.get(len(value), "several")
    return {0: "none", 1: "one"}.get(value, "many")


def _forms(fruit: str | None) -> dict[str, str]:
    return {"fruit": fruit, "a_fruit": _a(fruit), "plural": plural(fruit)} if fruit else {}


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
