"""Fills fixed templates: varied questions, and short answers and captions in plain words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from fruit_caption.language.fruits import (
    join_words,
    number_word,
    plural,
    quantity,
    with_article,
)
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
"""The phrasings of each kind of question; the first is the plainest."""

ANY_FRUIT_QUESTIONS = (
    "is there any fruit?",
    "can you see any fruit?",
    "does the picture show any fruit?",
)
"""The phrasings of a presence question that names no fruit."""


def question(kind: Kind, fruit: str | None, rng: random.Random | None = None) -> str:
    """Return a question in a random phrasing, or in the plainest one without `rng`."""
    phrasings = ANY_FRUIT_QUESTIONS if kind == "presence" and fruit is None else QUESTIONS[kind]
    phrasing = rng.choice(phrasings) if rng else phrasings[0]
    return phrasing.format(plural=plural(fruit), a_fruit=with_article(fruit)) if fruit else phrasing


def answer(kind: Kind, fruit: str | None, value: Value) -> str:
    """Return an answer in a short sentence, such as "there are three apples"."""
    if kind == "presence":
        if fruit is None:
            return "yes, there is fruit" if value else "no, there is no fruit"
        return f"yes, there is {with_article(fruit)}" if value else f"no, there is no {fruit}"
    if isinstance(value, frozenset):
        return f"it shows {join_words(sorted(value)) or 'no fruit'}"
    verb = "there is" if value == 1 else "there are"
    if fruit is None:
        number = "no" if value == 0 else number_word(value)
        return f"{verb} {number} {'fruit' if value == 1 else 'fruits'}"
    return f"{verb} {quantity(value, fruit)}"


def caption(counts: Mapping[str, int | None]) -> str:
    """Return a caption, such as "a photo of two apples and some figs".

    Args:
        counts: The number of each fruit in the photo, or None where it is unknown.
    """
    parts = [quantity(number, fruit) for fruit, number in counts.items()]
    return f"a photo of {join_words(parts)}" if parts else "a photo with no fruit"
