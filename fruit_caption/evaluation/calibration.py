"""Whether a model is as sure of its answers as it is right, and how to make it so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fruit_caption.data.qa import Prediction


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


def reliability(rows: Sequence[Prediction], bins: int = 10) -> list[Bin]:
    """Answers sorted by confidence into bins of equal width (Guo et al. 2017), empty ones too."""
    sorted_in: list[list[Prediction]] = [[] for _ in range(bins)]
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


def expected_calibration_error(rows: Sequence[Prediction], bins: int = 10) -> float | None:
    """How far confidence is from the share of right answers (Naeini et al. 2015).

    Returns:
        The mean over the answers of |share right - mean confidence| of the bin that they are in:
        0 where confidence can be trusted, at most 1; None where there is no answer.
    """
    if not rows:
        return None
    return sum(abs(each.right - each.expected) for each in reliability(rows, bins)) / len(rows)


def fit_temperature(logits: np.ndarray, words: np.ndarray) -> float:
    """By what to divide logits so that probabilities are right on average (Guo et al. 2017).

    Args:
        logits: of words that the model was not trained on, (words, vocabulary).
        words: the number of each right word, (words,).

    Returns:
        the temperature under which the right words are likeliest: over 1 for a model that is too
        sure of itself; 1/4 to 4.
    """
    logits = logits.astype("float64")
    right = np.take_along_axis(logits, words[:, None], axis=1)[:, 0]
    sharpness = 1.0  # the inverse of the temperature, in which the likelihood has one peak
    for _ in range(50):
        scaled = sharpness * (logits - logits.max(axis=1, keepdims=True))
        chances = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
        mean = (chances * logits).sum(axis=1)
        variance = (chances * (logits - mean[:, None]) ** 2).sum(axis=1)
        step = (right - mean).mean() / max(variance.mean(), 1e-12)  # Newton's
        sharpness = float(np.clip(sharpness + step, sharpness / 2, sharpness * 2))
        sharpness = float(np.clip(sharpness, 1 / 4, 4))
    return 1 / sharpness


def fit_confidence_threshold(rows: Sequence[Prediction]) -> float:
    """The confidence that best tells right answers from wrong ones.

    Returns:
        a confidence for which the wrong answers above it and the right ones below it are fewest;
        0 if doubting any answers would not help.
    """
    ranked = sorted(rows, key=lambda row: row.confidence)
    fewest = mistaken = sum(not row.correct for row in ranked)
    threshold = 0.0
    for row, following in pairwise(ranked):
        mistaken += 1 if row.correct else -1
        if mistaken < fewest and row.confidence < following.confidence:
            fewest, threshold = mistaken, (row.confidence + following.confidence) / 2
    return threshold
