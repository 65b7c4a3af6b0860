"""What can be scored without looking: the most frequent answer.

Two more baselines lie elsewhere: a model that reads the question and sees no photo is the encoder
`blind`, and `color_counter` looks, but with rules.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from fruit_caption.data.dataset import Example
from fruit_caption.data.qa import Prediction, QAPair
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.questions import KINDS, Kind, Value

Meaning = Value | str
Asked = TypeVar("Asked")


def majority(train: Sequence[Example], test: Sequence[Example]) -> list[Prediction]:
    """Answer every question of `test` with what was answered most in `train` to its kind.

    For our own kinds that is the most frequent value (a number, a set, yes or no), said of the
    fruit that is asked about; for others, the most frequent text. Kinds that `train` doesn't ask
    about are left out. A baseline is sure of everything: its confidence is 1.
    """
    most = _most_frequent((item.kind, item) for item in _items(train))
    return [
        Prediction(example.name, item, _say(item, most[item.kind]), 1.0)
        for example in test
        for item in example.items
        if item.kind in most
    ]


def question_alone(train: Sequence[Example], test: Sequence[Example]) -> list[Prediction]:
    """The same for every question by itself: all that a question gives away.

    Our own kinds of question are the same where they are about the same fruit, however they are
    worded. What was never asked in `train` is answered as `majority` would, or left out.
    """
    most = _most_frequent((_asked(item), item) for item in _items(train))
    return [
        Prediction(row.photo, row.item, _say(row.item, most.get(_asked(row.item), row.answer)), 1.0)
        for row in majority(train, test)
    ]


def _asked(item: QAPair) -> tuple[str, str | None]:
    return item.kind, item.fruit if item.kind in KINDS else item.question


def _items(examples: Sequence[Example]) -> Iterable[QAPair]:
    return (item for example in examples for item in example.items)


def _most_frequent(asked: Iterable[tuple[Asked, QAPair]]) -> dict[Asked, Meaning]:
    answers: dict[Asked, Counter[Meaning]] = defaultdict(Counter)
    for question, item in asked:
        answers[question][_meaning(item)] += 1
    # Of equally frequent answers the first by name, whatever the order of the photos.
    return {
        question: min(counts, key=lambda value: (-counts[value], str(value)))
        for question, counts in answers.items()
    }


def _meaning(item: QAPair) -> Meaning:
    value = parse_answer(item.kind, item.answer, item.fruit)
    return item.answer if value is None else value


def _say(item: QAPair, value: Meaning) -> str:
    if isinstance(value, str):
        return value
    kind: Kind = next(kind for kind in KINDS if kind == item.kind)
    return templates.answer(kind, item.fruit, value)
