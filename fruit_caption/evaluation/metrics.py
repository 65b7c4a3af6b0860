"""Scores of answers, by kind of question, beside the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fruit_caption.data.qa import CAPTION, Prediction
from fruit_caption.language.answers import parse_answer
from fruit_caption.language.questions import Value


def score(rows: Sequence[Prediction]) -> dict[str, Any]:
    """Scores of some answers.

    Returns:
        `n` and `exact`: how many questions, and the share answered rightly, 0 to 1, `None` of no
            questions; captions count only where nothing else is asked;
        `kinds`: for each kind its own `n` and `exact`, and what suits it: see `_score_numbers`,
            `_score_presence` and `_score_sets`;
        `present`, `several`: `n` and `exact` of the counts whose truth is at least one, and at
            least two.
    """
    questions = [row for row in rows if row.item.kind != CAPTION] or rows
    kinds = sorted({row.item.kind for row in rows})
    return {
        **_exact(questions),
        "kinds": {
            kind: _score_kind(kind, [r for r in rows if r.item.kind == kind]) for kind in kinds
        },
        "present": _exact([row for row in questions if counts_at_least(row, 1)]),
        "several": _exact([row for row in questions if counts_at_least(row, 2)]),
    }


def counts_at_least(row: Prediction, least: int) -> bool:
    """Whether a row asks how many of a fruit there are, and there are at least so many."""
    return row.item.kind == "count" and (_true_number(row) or 0) >= least


def _score_kind(kind: str, rows: list[Prediction]) -> dict[str, Any]:
    score_more = {
        "count": _score_numbers,
        "total": _score_numbers,
        "presence": _score_presence,
        "identify": _score_sets,
    }.get(kind)
    return _exact(rows) | (score_more(rows) if score_more else {})


def _exact(rows: Sequence[Prediction]) -> dict[str, Any]:
    return {"n": len(rows), "exact": _share([row.correct for row in rows])}


def _score_numbers(rows: list[Prediction]) -> dict[str, Any]:
    """`within_one` (share at most one off), and over the answers that can be read as a number,
    whose share is `read`, the mean absolute error `mae` and the root of the mean square `rmse`.
    """
    errors = []
    for row in rows:
        said, true = _said(row), _true_number(row)
        if isinstance(said, int) and true is not None:
            errors.append(abs(said - true))
    squares = sum(error**2 for error in errors)
    return {
        "within_one": round(sum(error <= 1 for error in errors) / len(rows), 4),
        "mae": _ratio(sum(errors), len(errors)),
        "rmse": round(math.sqrt(squares / len(errors)), 4) if errors else None,
        "read": round(len(errors) / len(rows), 4),
    }


def _score_presence(rows: list[Prediction]) -> dict[str, Any]:
    """`precision` and `recall` of "yes", and `balanced`, the mean of the shares of right answers
    where the truth is yes and where it is no, which saying always the same brings to a half.
    """
    pairs = [(_true(row) is True, _said(row)) for row in rows]
    hits = sum(true and said is True for true, said in pairs)
    shares = [
        _share([said is wanted for true, said in pairs if true is wanted])
        for wanted in (True, False)
    ]
    known = [share for share in shares if share is not None]
    return {
        "precision": _ratio(hits, sum(said is True for _, said in pairs)),
        "recall": _ratio(hits, sum(true for true, _ in pairs)),
        "balanced": _ratio(sum(known), len(known)),
    }


def _score_sets(rows: list[Prediction]) -> dict[str, Any]:
    """`precision`, `recall` and `f1` of the fruits named, over all rows and in `fruits` for each;
    an answer that can't be read names none.
    """
    pairs = [(_set(_true(row)), _set(_said(row))) for row in rows]
    fruits = sorted(set().union(*(true | said for true, said in pairs)))
    counted = {
        fruit: (
            sum(fruit in true and fruit in said for true, said in pairs),
            sum(fruit in said for _, said in pairs),
            sum(fruit in true for true, _ in pairs),
        )
        for fruit in fruits
    }
    hits, named, there = (
        sum(numbers) for numbers in zip((0, 0, 0), *counted.values(), strict=True)
    )
    return {
        **_precision_recall(hits, named, there),
        "fruits": {
            fruit: {"n": numbers[2], **_precision_recall(*numbers)}
            for fruit, numbers in counted.items()
        },
    }


def _precision_recall(hits: int, named: int, there: int) -> dict[str, Any]:
    return {
        "precision": _ratio(hits, named),
        "recall": _ratio(hits, there),
        "f1": _ratio(2 * hits, named + there),
    }


def _said(row: Prediction) -> Value | None:
    return parse_answer(row.item.kind, row.answer, row.item.fruit)


def _true(row: Prediction) -> Value | None:
    return parse_answer(row.item.kind, row.item.answer, row.item.fruit)


def _true_number(row: Prediction) -> int | None:
    value = _true(row)
    return value if isinstance(value, int) else None


def _set(value: Value | None) -> frozenset[str]:
    return value if isinstance(value, frozenset) else frozenset()


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _share(correct: list[bool]) -> float | None:
    return _ratio(sum(correct), len(correct))
