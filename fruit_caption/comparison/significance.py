"""Which differences between two models are more than chance.

Photos of one scene are alike, and two seeds of one model differ: both are drawn anew, so that an
interval tells what other photos and other seeds might have given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fruit_caption.data.qa import Prediction

ROUNDS = 10_000


@dataclass(frozen=True)
class Difference:
    """How much more one model gets right than another, as shares from -1 to 1.

    Attributes:
        mean: over all photos and seeds.
        low, high: the middle 95 % of what the drawing anew gives.
    """

    mean: float
    low: float
    high: float

    @property
    def is_real(self) -> bool:
        """Whether chance alone would give it in less than one of twenty cases."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> dict[str, Any]:
        """The difference as plain JSON values."""
        return {
            "mean": round(self.mean, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
            "is_real": self.is_real,
        }


def paired_bootstrap(
    ours: Sequence[Sequence[Prediction]],
    theirs: Sequence[Sequence[Prediction]],
    groups: Mapping[str, str],
    seed: int = 0,
) -> Difference:
    """The difference between two models, with an interval (Efron & Tibshirani 1993).

    In each round groups of photos are drawn with replacement, the same for both models, and seeds
    of each model.

    Args:
        ours: for each seed of the one model its answers to some questions.
        theirs: for each seed of the other its answers to the same ones.
        groups: of each photo, by its name.
        seed: of the drawing.

    Returns:
        how much larger our share of right answers is.
    """
    names = sorted({groups[row.photo] for row in ours[0]})
    place = {group: number for number, group in enumerate(names)}
    asked = np.zeros(len(names))
    for row in ours[0]:
        asked[place[groups[row.photo]]] += 1
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), ROUNDS)

    def shares(model: Sequence[Sequence[Prediction]]) -> tuple[float, np.ndarray]:
        right = np.zeros((len(names), len(model)))
        for column, rows in enumerate(model):
            for row in rows:
                right[place[groups[row.photo]], column] += row.correct
        seeds = rng.multinomial(len(model), np.full(len(model), 1 / len(model)), ROUNDS)
        again = np.einsum("rg,gs,rs->r", drawn, right, seeds / len(model)) / (drawn @ asked)
        return right.mean(axis=1).sum() / asked.sum(), again

    (our_share, our_shares), (their_share, their_shares) = shares(ours), shares(theirs)
    low, high = np.quantile(our_shares - their_shares, [0.025, 0.975])
    return Difference(float(our_share - their_share), float(low), float(high))
