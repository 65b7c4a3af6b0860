"""Writes by rules: varied questions, short plain answers, no language model needed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from fruit_caption.language.fruits import join_words, number_word, plural, quantity
from fruit_caption.language.questions import Kind, Value

QUESTIONS: Mapping[Kind, Sequence[str]] = {
    "count": (
        "how many {plural} are there?",
        "how many {plural} are in the picture?",
        "how many {plural} can you see?",
        "how many {plural} does the photo show?",
        "how many {plural} do you see in the photo?",
        "what is the number of {plural}?",
        "count the {plural}",
        "how many {plural}?",
    ),
    "total": (
        "how many fruits are there?",
        "how many fruits are in the picture?",
        "how many pieces of fruit can you see?",
        "how many fruits are there in all?",
        "what is the total number of fruits?",
        "count all the fruits",
    ),
    "identify": (
        "which fruits are in the picture?",
        "which fruits are there?",
        "what fruits can you see?",
        "what kinds of fruit are there?",
        "what fruit is this?",
        "name the fruits in the photo",
    ),
    "presence": (
        "is there {a_fruit}?",
        "is there {a_fruit} in the picture?",
        "are there any {plural}?",
        "can you see {a_fruit}?",
        "do you see any {plural} in the photo?",
        "does the picture show {a_fruit}?",
    ),
}

ANY_FRUIT = ("is there any fruit?", "can you see any fruit?", "does the picture show any fruit?")


def question(kind: Kind, fruit: str | None, rng: random.Random | None = None) -> str:
    """A question in words; without `rng` the plainest of its phrasings."""
    phrasings = ANY_FRUIT if kind == "presence" and fruit is None else QUESTIONS[kind]
    phrasing = rng.choice(phrasings) if rng else phrasings[0]
    return phrasing.format(plural=plural(fruit), a_fruit=_a(fruit)) if fruit else phrasing


def answer(kind: Kind, fruit: str | None, value: Value) -> str:
    """An answer in a short sentence."""
    if kind == "presence":
        if fruit is None:
            return "yes, there is fruit" if value else "no, there is no fruit"
        return f"yes, there is {_a(fruit)}" if value else f"no, there is no {fruit}"
    if isinstance(value, frozenset):
        return f"it shows {join_words(sorted(value)) if value else 'no fruit'}"
    verb = "there is" if value == 1 else "there are"
    if fruit is None:
        number = "no" if value == 0 else number_word(value)
        return f"{verb} {number} {'fruit' if value == 1 else 'fruits'}"
    return f"{verb} {quantity(value, fruit)}"


def _a(fruit: str) -> str:
    return f"an {fruit}" if fruit[0] in "aeiou" else f"a {fruit}"


def caption(counts: Mapping[str, int | None]) -> str:
    """Describe a photo: "a photo of two apples and some figs".

    Args:
        counts: number of each kind of fruit that is there, or None where the number is unknown.
    """
    parts = [
        f"some {plural(fruit)}" if number is None else quantity(number, fruit)
        for fruit, number in counts.items()
    ]
    return f"a photo of {join_words(parts)}" if parts else "a photo with no fruit"
