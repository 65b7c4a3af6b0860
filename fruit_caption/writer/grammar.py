"""Writes by rules: varied questions, short plain answers, no language model needed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from fruit_caption.domain import Kind, Value, listed, number_word, plural, quantity
from fruit_caption.photos.records import Photo
from fruit_caption.writer.checker import truth
from fruit_caption.writer.qa import Caption, Item

BY = "grammar"

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


def write_caption(photo: Photo) -> Caption:
    """ "a photo of two apples and some bananas": every kind, with its number where it is known."""
    parts = [
        f"some {plural(fruit)}" if number is None else quantity(number, fruit)
        for fruit, number in photo.counts().items()
    ]
    return Caption(f"a photo of {listed(parts)}" if parts else "a photo with no fruit", BY)


def write_questions(
    photo: Photo, rivals: Mapping[str, int], rng: random.Random
) -> tuple[Item, ...]:
    """Questions of every kind that the boxes can answer, as many about what is not there.

    Args:
        photo: what is asked about.
        rivals: how many photos of the data set show each fruit. Absent fruits are asked about
            as often as they are seen elsewhere, so that a fruit's name gives no answer away.
        rng: chooses fruits and phrasings.
    """
    several = max(1, len(photo.fruits))
    without = {kind: _absent(kind, photo, rivals, rng) for kind in ("count", "presence")}
    asked: list[tuple[Kind, str | None]] = [("total", None), ("identify", None)]
    asked += [("count", fruit) for fruit in photo.fruits]
    asked += [("count", fruit) for fruit in without["count"][: (several + 1) // 2]]
    asked += [("presence", fruit) for fruit in photo.fruits]
    asked += [("presence", fruit) for fruit in without["presence"][:several]]
    if not photo.fruits or rng.random() < 0.1:
        asked.append(("presence", None))
    items = []
    for kind, fruit in asked:
        right = truth(photo, kind, fruit)
        if right is not None:
            items.append(Item(ask(kind, fruit, rng), answer(kind, fruit, right), kind, fruit, BY))
    return tuple(items)


def ask(kind: Kind, fruit: str | None, rng: random.Random | None = None) -> str:
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
        return f"it shows {listed(sorted(value)) if value else 'no fruit'}"
    verb = "there is" if value == 1 else "there are"
    if fruit is None:
        number = "no" if value == 0 else number_word(value)
        return f"{verb} {number} {'fruit' if value == 1 else 'fruits'}"
    return f"{verb} {quantity(value, fruit)}"


def _absent(kind: Kind, photo: Photo, rivals: Mapping[str, int], rng: random.Random) -> list[str]:
    """Fruits to which the answer is surely none or no, the often seen ones first, with chance."""
    absent = [fruit for fruit in sorted(rivals) if truth(photo, kind, fruit) in (0, False)]
    # Efraimidis and Spirakis (2006): a weighted draw without replacement by sorting keys.
    return sorted(absent, key=lambda fruit: -(rng.random() ** (1 / rivals[fruit])))


def _a(fruit: str) -> str:
    return f"an {fruit}" if fruit[0] in "aeiou" else f"a {fruit}"
