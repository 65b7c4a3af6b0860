"""Whether a model is as sure of its answers as it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fruit_caption.metrics import Row


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies from `low` up to `high`.

    Attributes:
        low, high: 0 to 1; `high` itself belongs to the next bin, except in the last one.
        answers: how many there are.
        right: how many of them are right.
        expected: how many would be right if each confidence were the chance of being right, which
            is the sum of the confidences.
    """

    low: float
    high: float
    answers: int
    right: int
    expected: float


def reliability(rows: Sequence[Row], bins: int = 10) -> list[Bin]:
    """Answers sorted by confidence into bins of equal width (Guo et al. 2017), empty ones too."""
    sorted_in: list[list[Row]] = [[] for _ in range(bins)]
    for row in rows:
        sorted_in[min(int(row.confidence * bins), bins - 1)].append(row)
    return [
        Bin(
            place / bins,
            (place + 1) / bins,
            len(answers),
            sum(row.correct for row in answers),
            sum(row.confidence for row in answers),
        )
        for place, answers in enumerate(sorted_in)
    ]


def expected_calibration_error(rows: Sequence[Row], bins: int = 10) -> float | None:
    """How far confidence is from the share of right answers (Naeini et al. 2015).

    Returns:
        The mean over the answers of |share right - mean confidence| of the bin that they are in:
        0 where confidence can be trusted, at most 1; None where there is no answer.
    """
    if not rows:
        return None
    return sum(abs(each.right - each.expected) for each in reliability(rows, bins)) / len(rows)
