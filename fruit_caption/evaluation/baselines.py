"""Baselines that do not look at the photo: the most frequent answers of the training split.

There are two more baselines: the encoder "blind" is a model that is trained on the questions alone,
and `color_histogram` is a classical method that looks at the photo.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence

from fruit_caption.data.dataset import Example
from fruit_caption.data.qa import Prediction, QAPair
from fruit_caption.language import templates
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.questions import KINDS, Kind, Value

Meaning = Value | str
"""Value of an answer, or its text if the question is of a custom kind."""


def majority(train: Sequence[Example], test: Sequence[Example]) -> list[Prediction]:
    """Answer each question with the most frequent answer to its kind of question.

    For the kinds in `KINDS`, the most frequent value (a number, a set, yes or no) is put into words
    with the fruit of the question. For other kinds, it is the most frequent text.

    Args:
        train: Examples to count answers in.
        test: Examples to answer.

    Returns:
        The answers, with confidence 1; none to questions of a kind that `train` does not contain.
    """
    return _answer_all(train, test, [_kind])


def question_alone(train: Sequence[Example], test: Sequence[Example]) -> list[Prediction]:
    """Answer each question with the most frequent answer to the same question.

    Questions of the kinds in `KINDS` are the same if they are about the same fruit, however they
    are worded. A question that `train` does not contain is answered as by `majority`.

    Args:
        train: Examples to count answers in.
        test: Examples to answer.

    Returns:
        The answers, with confidence 1; none to questions of a kind that `train` does not contain.
    """
    return _answer_all(train, test, [_question, _kind])


def _kind(pair: QAPair) -> Hashable:
    return pair.kind


def _question(pair: QAPair) -> Hashable:
    return pair.kind, pair.fruit if pair.kind in KINDS else pair.question


def _answer_all(
    train: Sequence[Example],
    test: Sequence[Example],
    groupings: Sequence[Callable[[QAPair], Hashable]],
) -> list[Prediction]:
    """Answer with the most frequent meaning of a question's group, by the first known group."""
    counts: dict[Hashable, Counter[Meaning]] = defaultdict(Counter)
    for example in train:
        for pair in example.qa_pairs:
            for group in groupings:
                counts[group(pair)][_meaning(pair)] += 1
    # Ties are broken by name, so that the order of the photos does not matter.
    most_frequent = {
        group: min(counter, key=lambda meaning: (-counter[meaning], str(meaning)))
        for group, counter in counts.items()
    }
    return [
        Prediction(example.name, pair, _answer(pair, most_frequent[known[0]]), 1.0)
        for example in test
        for pair in example.qa_pairs
        if (known := [group(pair) for group in groupings if group(pair) in most_frequent])
    ]


def _meaning(pair: QAPair) -> Meaning:
    value = parse_answer(pair.kind, pair.answer, pair.fruit)
    return pair.answer if value is None else value


def _answer(pair: QAPair, meaning: Meaning) -> str:
    if isinstance(meaning, str):
        return meaning
    kind: Kind = next(kind for kind in KINDS if kind == pair.kind)
    return templates.answer(kind, pair.fruit, meaning)
