"""Bootstrap test of the difference between two models.

Photos of one scene are similar, and models trained with different seeds differ. Both scenes and
seeds are resampled, so that the interval covers other photos and other seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fruit_caption.data.qa import Prediction

ROUNDS = 10_000
"""Number of bootstrap resamples."""


@dataclass(frozen=True)
class Difference:
    """The difference between the accuracies of two models, from -1 to 1.

    Attributes:
        mean: The difference over all photos and seeds.
        low: The lower end of its 95 % interval.
        high: The upper end of its 95 % interval.
    """

    mean: float
    low: float
    high: float

    @property
    def is_real(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """Return the difference as JSON values."""
        return {
            "mean": round(self.mean, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "is_real": self.is_real,
        }


def paired_bootstrap(
    model: Sequence[Sequence[Prediction]],
    reference: Sequence[Sequence[Prediction]],
    groups: Mapping[str, str],
    seed: int = 0,
) -> Difference:
    """Return the difference between two models with an interval (Efron & Tibshirani 1993).

    Each round draws groups of photos with replacement, the same for both models, and seeds of each
    model.

    Args:
        model: The model's answers to some questions, for each of its seeds.
        reference: The other model's answers to the same questions, for each of its seeds.
        groups: The group (scene) of each photo, by the photo's name.
        seed: The random seed.

    Returns:
        By how much the accuracy of `model` exceeds that of `reference`.
    """
    names = sorted({groups[row.photo] for row in model[0]})
    index_of = {group: index for index, group in enumerate(names)}
    questions = np.zeros(len(names))
    for row in model[0]:
        questions[index_of[groups[row.photo]]] += 1
    rng = np.random.default_rng(seed)
    group_draws = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), ROUNDS)

    def accuracies(answers: Sequence[Sequence[Prediction]]) -> tuple[float, np.ndarray]:
        """The accuracy over all groups and seeds, and that of each round."""
        seeds = len(answers)
        correct = np.zeros((len(names), seeds))
        for column, rows in enumerate(answers):
            for row in rows:
                correct[index_of[groups[row.photo]], column] += row.correct
        seed_draws = rng.multinomial(seeds, np.full(seeds, 1 / seeds), ROUNDS) / seeds
        resampled = np.einsum("rg,gs,rs->r", group_draws, correct, seed_draws)
        return correct.mean(axis=1).sum() / questions.sum(), resampled / (group_draws @ questions)

    (accuracy, resampled), (reference_accuracy, reference_resampled) = (
        accuracies(model),
        accuracies(reference),
    )
    low, high = np.quantile(resampled - reference_resampled, [0.025, 0.975])
    return Difference(float(accuracy - reference_accuracy), float(low), float(high))
