"""What is to be written about a photo: which questions its boxes can answer, and the answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from fruit_caption.data.records import Photo, true_answer
from fruit_caption.language.questions import Kind, Value


@dataclass(frozen=True)
class QuestionSpec:
    """A question that is wanted: its kind, the fruit it is about if any, and its right answer."""

    kind: Kind
    fruit: str | None
    value: Value


def question_specs(
    photo: Photo, rivals: Mapping[str, int], rng: random.Random
) -> tuple[QuestionSpec, ...]:
    """Questions of every kind that the boxes can answer, as many about what is not there.

    Args:
        photo: what is asked about.
        rivals: how many photos of the data set show each fruit. Absent fruits are asked about
            as often as they are seen elsewhere, so that a fruit's name gives no answer away.
        rng: chooses the fruits.
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
    return tuple(
        QuestionSpec(kind, fruit, right)
        for kind, fruit in asked
        if (right := true_answer(photo, kind, fruit)) is not None
    )


def _absent(kind: Kind, photo: Photo, rivals: Mapping[str, int], rng: random.Random) -> list[str]:
    """Fruits to which the answer is surely none or no, the often seen ones first, with chance."""
    absent = [fruit for fruit in sorted(rivals) if true_answer(photo, kind, fruit) in (0, False)]
    # Efraimidis and Spirakis (2006): a weighted draw without replacement by sorting keys.
    return sorted(absent, key=lambda fruit: -(rng.random() ** (1 / rivals[fruit])))
