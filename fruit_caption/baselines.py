"""What can be scored without looking: the most frequent answer to each kind of question.

The other baseline, a model that reads the question and sees no photo, is the encoder `blind`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from fruit_caption.dataset import Example
from fruit_caption.domain import KINDS, Kind, Value, read_answer
from fruit_caption.metrics import Row
from fruit_caption.writer import grammar
from fruit_caption.writer.qa import Item


def majority(train: Sequence[Example], test: Sequence[Example]) -> list[Row]:
    """Answer every question of `test` with what was answered most in `train` to its kind.

    For our own kinds that is the most frequent value (a number, a set, yes or no), said of the
    fruit that is asked about; for others, the most frequent text.
    """
    answers: dict[str, Counter[Value | str]] = defaultdict(Counter)
    for example in train:
        for item in example.items:
            answers[item.kind][_meaning(item)] += 1
    # Of equally frequent answers the first by name, whatever the order of the photos.
    most = {
        kind: min(counts, key=lambda value: (-counts[value], str(value)))
        for kind, counts in answers.items()
    }
    return [
        Row(example.name, item, _say(item, most[item.kind]), 1.0)
        for example in test
        for item in example.items
        if item.kind in most
    ]


def _meaning(item: Item) -> Value | str:
    value = read_answer(item.kind, item.answer, item.fruit)
    return item.answer if value is None else value


def _say(item: Item, value: Value | str) -> str:
    if isinstance(value, str):
        return value
    kind: Kind = next(kind for kind in KINDS if kind == item.kind)
    return grammar.answer(kind, item.fruit, value)
