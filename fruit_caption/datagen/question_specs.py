"""Chooses the questions to ask about a photo."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from fruit_caption.data.records import Photo
from fruit_caption.language.questions import Kind, Value

_ANY_FRUIT_PROBABILITY = 0.1
"""Probability that a photo with fruit gets the question whether there is any fruit."""


@dataclass(frozen=True)
class QuestionSpec:
    """A question to write.

    Attributes:
        kind: The kind of the question.
        fruit: The fruit that it asks about, if any.
        value: The correct answer.
    """

    kind: Kind
    fruit: str | None
    value: Value


def question_specs(
    photo: Photo, photos_per_fruit: Mapping[str, int], rng: random.Random
) -> tuple[QuestionSpec, ...]:
    """Choose questions of all kinds that the boxes can answer.

    About as many questions are about absent fruits as about present ones. Absent fruits are drawn
    in proportion to `photos_per_fruit`, so that a fruit's name does not hint at the answer.

    Args:
        photo: The photo to ask about.
        photos_per_fruit: The number of photos in the data set that show each fruit.
        rng: The random generator.
    """
    number = max(1, len(photo.fruits))
    zero_count = _absent_fruits("count", photo, photos_per_fruit, rng)[: (number + 1) // 2]
    absent = _absent_fruits("presence", photo, photos_per_fruit, rng)[:number]
    questions: list[tuple[Kind, str | None]] = [("total", None), ("identify", None)]
    questions += [("count", fruit) for fruit in (*photo.fruits, *zero_count)]
    questions += [("presence", fruit) for fruit in (*photo.fruits, *absent)]
    if not photo.fruits or rng.random() < _ANY_FRUIT_PROBABILITY:
        questions.append(("presence", None))
    return tuple(
        QuestionSpec(kind, fruit, value)
        for kind, fruit in questions
        if (value := photo.true_answer(kind, fruit)) is not None
    )


def _absent_fruits(
    kind: Kind, photo: Photo, photos_per_fruit: Mapping[str, int], rng: random.Random
) -> list[str]:
    """Return the fruits that are certainly absent, in random order with the frequent ones first."""
    absent = [
        fruit for fruit in sorted(photos_per_fruit) if photo.true_answer(kind, fruit) in (0, False)
    ]
    # Weighted sampling without replacement by sorting keys: Efraimidis and Spirakis (2006).
    return sorted(absent, key=lambda fruit: -(rng.random() ** (1 / photos_per_fruit[fruit])))
