"""Scores of answers, by kind of question, beside the truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fruit_caption.domain import KINDS, read_answer, read_mentions
from fruit_caption.vocabulary import split_words
from fruit_caption.writer.qa import CAPTION, Item


@dataclass(frozen=True)
class Row:
    """One question about a photo, its true answer (in `item`) and the answer given."""

    photo: str
    item: Item
    answer: str
    confidence: float

    @property
    def correct(self) -> bool:
        """Whether the answer means what the true answer means."""
        return means_same(self.item, self.answer)

    def to_json(self) -> dict[str, Any]:
        """The row as it stands in `answers.jsonl`."""
        return {
            "photo": self.photo,
            "kind": self.item.kind,
            "fruit": self.item.fruit,
            "question": self.item.question,
            "truth": self.item.answer,
            "answer": self.answer,
            "confidence": round(self.confidence, 4),
            "correct": self.correct,
        }


def means_same(item: Item, answer: str) -> bool:
    """Whether an answer has the meaning of an item's true answer.

    Answers of our kinds are compared as numbers, sets and yes/no; captions by the fruits and
    numbers they name; those of any other kind word by word.
    """
    if item.kind in KINDS:
        said = read_answer(item.kind, answer, item.fruit)
        return said is not None and said == read_answer(item.kind, item.answer, item.fruit)
    if item.kind == CAPTION:
        said_mentions, true_mentions = read_mentions(answer), read_mentions(item.answer)
        return len(said_mentions) == len(true_mentions) and set(said_mentions) == set(true_mentions)
    return split_words(answer) == split_words(item.answer)


def score(rows: Sequence[Row]) -> dict[str, Any]:
    """Scores of some answers.

    Returns:
        `exact`: share of questions answered rightly; captions count only where nothing else is;
        `kinds`: for each kind its number `n` and `exact`, and for counts and totals `within_one`
            (share at most one off), `rmse` and `read` (share that could be read as a number; the
            error is over those);
        `several`: of the counts whose truth is two or more, `n` and `exact`.
    """
    questions = [row for row in rows if row.item.kind != CAPTION] or rows
    kinds = sorted({row.item.kind for row in rows})
    scores: dict[str, Any] = {
        "n": len(questions),
        "exact": _share([row.correct for row in questions]),
        "kinds": {kind: _score_kind([r for r in rows if r.item.kind == kind]) for kind in kinds},
    }
    several = [
        row for row in questions if row.item.kind == "count" and (_true_number(row) or 0) > 1
    ]
    scores["several"] = {"n": len(several), "exact": _share([row.correct for row in several])}
    return scores


def _score_kind(rows: list[Row]) -> dict[str, Any]:
    scores: dict[str, Any] = {"n": len(rows), "exact": _share([row.correct for row in rows])}
    if rows[0].item.kind in ("count", "total"):
        errors = []
        for row in rows:
            said = read_answer(row.item.kind, row.answer, row.item.fruit)
            true = _true_number(row)
            if isinstance(said, int) and true is not None:
                errors.append(abs(said - true))
        scores["within_one"] = round(sum(error <= 1 for error in errors) / len(rows), 4)
        scores["rmse"] = (
            round(math.sqrt(sum(error**2 for error in errors) / len(errors)), 4) if errors else None
        )
        scores["read"] = round(len(errors) / len(rows), 4)
    return scores


def _true_number(row: Row) -> int | None:
    value = read_answer(row.item.kind, row.item.answer, row.item.fruit)
    return value if isinstance(value, int) else None


def _share(correct: list[bool]) -> float | None:
    return round(sum(correct) / len(correct), 4) if correct else None
