"""Measures and improves how well confidence predicts whether an answer is correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fruit_caption.data.qa import Prediction


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies in an interval.

    Attributes:
        low: Lower end of the interval, 0 to 1, included.
        high: Upper end, 0 to 1; included in the last bin only.
        total: Number of answers.
        correct: Number of correct answers.
        confidence_sum: Sum of the confidences, which is the number of correct answers that a
            perfectly calibrated model would have.
    """

    low: float
    high: float
    total: int
    correct: int
    confidence_sum: float


def reliability(rows: Sequence[Prediction], bins: int = 10) -> list[Bin]:
    """Sort answers by confidence into bins of equal width, as for a reliability diagram.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.

    Args:
        rows: Answers.
        bins: Number of bins.

    Returns:
        All bins, including empty ones, by increasing confidence.
    """
    binned: list[list[Prediction]] = [[] for _ in range(bins)]
    for row in rows:
        binned[min(int(row.confidence * bins), bins - 1)].append(row)
    return [
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            total=len(members),
            correct=sum(row.correct for row in members),
            confidence_sum=sum(row.confidence for row in members),
        )
        for number, members in enumerate(binned)
    ]


def expected_calibration_error(rows: Sequence[Prediction], bins: int = 10) -> float | None:
    """Compute the expected calibration error (ECE).

    ECE = sum over bins of n_bin / n * |accuracy_bin - mean confidence_bin|.

    Source: Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning.

    Args:
        rows: Answers.
        bins: Number of bins of equal width.

    Returns:
        The error, from 0 (perfectly calibrated) to 1; None if there are no answers.
    """
    if not rows:
        return None
    return sum(abs(bin.correct - bin.confidence_sum) for bin in reliability(rows, bins)) / len(rows)


def fit_temperature(logits: np.ndarray, words: np.ndarray) -> float:
    """Fit the temperature T that maximizes the likelihood of the words under softmax(logits / T).

    Source: temperature scaling, Guo et al. 2017. One more word is counted in as if it were any of
    the vocabulary: a model that is never wrong on a few held-out words has no reason to be sure
    that it never will be.

    Args:
        logits: Logits on held-out data, (words, vocabulary size).
        words: Token id of each correct word, (words,).

    Returns:
        The temperature, between 1/4 and 4; above 1 if the model is overconfident.
    """
    logits = logits.astype("float64")
    true_logits = np.take_along_axis(logits, words[:, None], axis=1)[:, 0]
    share = 1 / (len(words) + 1)
    true_mean = (1 - share) * true_logits.mean() + share * logits.mean()
    # Newton's method on 1 / T, in which the log-likelihood is concave.
    inverse = 1.0
    for _ in range(50):
        scaled = inverse * (logits - logits.max(axis=1, keepdims=True))
        probabilities = np.exp(scaled) / np.exp(scaled).sum(axis=1, keepdims=True)
        mean = (probabilities * logits).sum(axis=1)
        variance = (probabilities * (logits - mean[:, None]) ** 2).sum(axis=1)
        step = (true_mean - mean.mean()) / max(variance.mean(), 1e-12)
        inverse = float(np.clip(inverse + step, inverse / 2, inverse * 2))
        inverse = float(np.clip(inverse, 1 / 4, 4))
    return 1 / inverse


def fit_confidence_threshold(rows: Sequence[Prediction]) -> float:
    """Find the confidence that best separates correct from wrong answers.

    Args:
        rows: Answers to held-out questions.

    Returns:
        The threshold, 0 to 1, that minimizes the number of wrong answers above it plus correct
        answers below it; 0 if no threshold is better than accepting all answers.
    """
    ranked = sorted(rows, key=lambda row: row.confidence)
    fewest = errors = sum(not row.correct for row in ranked)
    threshold = 0.0
    for row, following in pairwise(ranked):
        errors += 1 if row.correct else -1
        if errors < fewest and row.confidence < following.confidence:
            fewest, threshold = errors, (row.confidence + following.confidence) / 2
    return threshold
