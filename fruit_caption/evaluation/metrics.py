"""Scores of answers for each kind of question.

Shares are between 0 and 1, rounded to four digits; None stands for 0 / 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fruit_caption.data.qa import CAPTION, Prediction
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.questions import Value


def score(rows: Sequence[Prediction]) -> dict[str, Any]:
    """Score some answers.

    Args:
        rows: Answers.

    Returns:
        A dictionary:

        - `n` and `exact`: number of questions, and share of correct answers. Captions are left out
          unless there is nothing else.
        - `kinds`: for each kind of question, its `n`, `exact` and the scores below.
        - `present` and `several`: `n` and `exact` of the questions of kind "count" whose true
          answer is at least 1, and at least 2.

        Kinds "count" and "total", where an answer that is not a number has no error:

        - `within_one`: share of answers that are at most 1 off.
        - `mae`: mean absolute error, sum |answer - truth| / n.
        - `rmse`: root mean square error, sqrt(sum (answer - truth)^2 / n).
        - `read`: share of answers that are a number.

        Kind "presence":

        - `precision`: share of "yes" answers that are correct.
        - `recall`: share of true "yes" that are answered with "yes".
        - `balanced`: balanced accuracy, the mean of the accuracies where the truth is yes and where
          it is no (Brodersen et al. 2010). Constant answers score 0.5.

        Kind "identify", where an answer that can't be parsed names no fruit:

        - `precision`: share of the named fruits that are in the photo.
        - `recall`: share of the fruits in the photo that are named.
        - `f1`: harmonic mean of precision and recall, 2 * hits / (named + present).
        - `fruits`: for each fruit, the number `n` of photos with it, and the same three scores.
    """
    questions = without_captions(rows)
    kinds = sorted({row.qa_pair.kind for row in rows})
    return {
        **_accuracy(questions),
        "kinds": {
            kind: _score_kind(kind, [row for row in rows if row.qa_pair.kind == kind])
            for kind in kinds
        },
        "present": _accuracy([row for row in questions if counts_at_least(row, 1)]),
        "several": _accuracy([row for row in questions if counts_at_least(row, 2)]),
    }


def without_captions(rows: Sequence[Prediction]) -> Sequence[Prediction]:
    """Return the answers that are not captions; all of them if there is nothing else.

    A caption can be right in many wordings, so the probability of its words says little about how
    likely it is to be right.
    """
    return [row for row in rows if row.qa_pair.kind != CAPTION] or rows


def counts_at_least(row: Prediction, minimum: int) -> bool:
    """Return whether a question is of kind "count" and its true answer at least `minimum`."""
    if row.qa_pair.kind != "count":
        return False
    truth = _truth(row)
    return isinstance(truth, int) and truth >= minimum


def _score_kind(kind: str, rows: list[Prediction]) -> dict[str, Any]:
    scorers = {
        "count": _score_numbers,
        "total": _score_numbers,
        "presence": _score_presence,
        "identify": _score_sets,
    }
    return _accuracy(rows) | (scorers[kind](rows) if kind in scorers else {})


def _accuracy(rows: Sequence[Prediction]) -> dict[str, Any]:
    return {"n": len(rows), "exact": _ratio(sum(row.correct for row in rows), len(rows))}


def _score_numbers(rows: list[Prediction]) -> dict[str, Any]:
    pairs = [(_answer(row), _truth(row)) for row in rows]
    errors = [
        abs(answer - truth)
        for answer, truth in pairs
        if isinstance(answer, int) and isinstance(truth, int)
    ]
    squares = sum(error**2 for error in errors)
    return {
        "within_one": _ratio(sum(error <= 1 for error in errors), len(rows)),
        "mae": _ratio(sum(errors), len(errors)),
        "rmse": round(math.sqrt(squares / len(errors)), 4) if errors else None,
        "read": _ratio(len(errors), len(rows)),
    }


def _score_presence(rows: list[Prediction]) -> dict[str, Any]:
    pairs = [(_truth(row) is True, _answer(row)) for row in rows]
    hits = sum(truth and answer is True for truth, answer in pairs)
    accuracies = []
    for value in (True, False):
        correct = [answer is value for truth, answer in pairs if truth is value]
        accuracy = _ratio(sum(correct), len(correct))
        accuracies += [] if accuracy is None else [accuracy]
    return {
        "precision": _ratio(hits, sum(answer is True for _, answer in pairs)),
        "recall": _ratio(hits, sum(truth for truth, _ in pairs)),
        "balanced": _ratio(sum(accuracies), len(accuracies)),
    }


def _score_sets(rows: list[Prediction]) -> dict[str, Any]:
    pairs = [(_set(_truth(row)), _set(_answer(row))) for row in rows]
    fruits = sorted(set().union(*(truth | answer for truth, answer in pairs)))
    counts = {
        fruit: (
            sum(fruit in truth and fruit in answer for truth, answer in pairs),
            sum(fruit in answer for _, answer in pairs),
            sum(fruit in truth for truth, _ in pairs),
        )
        for fruit in fruits
    }
    totals = [sum(numbers) for numbers in zip((0, 0, 0), *counts.values(), strict=True)]
    return {
        **_precision_recall(*totals),
        "fruits": {
            fruit: {"n": present, **_precision_recall(hits, named, present)}
            for fruit, (hits, named, present) in counts.items()
        },
    }


def _precision_recall(hits: int, named: int, present: int) -> dict[str, Any]:
    return {
        "precision": _ratio(hits, named),
        "recall": _ratio(hits, present),
        "f1": _ratio(2 * hits, named + present),
    }


def _answer(row: Prediction) -> Value | None:
    return parse_answer(row.qa_pair.kind, row.answer, row.qa_pair.fruit)


def _truth(row: Prediction) -> Value | None:
    return parse_answer(row.qa_pair.kind, row.qa_pair.answer, row.qa_pair.fruit)


def _set(value: Value | None) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None
