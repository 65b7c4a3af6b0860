"""Says in a sentence whether a trained model is better than guessing."""

from __future__ import annotations

from collections.abc import Sequence

from fruit_caption.data.dataset import Example
from fruit_caption.evaluation.baselines import majority, question_alone
from fruit_caption.evaluation.metrics import score


def verdict(exact: float, train: Sequence[Example], examples: Sequence[Example]) -> str:
    """Compare a model with the better of the baselines that don't look at the photo.

    Args:
        exact: Share of the questions about `examples` that the model answers exactly.
        train: The photos it was trained on.
        examples: The photos it was asked about.
    """
    baselines = [score(answer(train, examples))["exact"] for answer in (majority, question_alone)]
    guessed = max((share for share in baselines if share is not None), default=0.0)
    if exact <= guessed:
        return (
            f"That is no better than always giving the most frequent answer ({100 * guessed:.1f} "
            "%). Try more photos, --from release, or more epochs."
        )
    return (
        f"Always giving the most frequent answer would be right in {100 * guessed:.1f} %: the "
        f"model is {100 * (exact - guessed):.1f} points better."
    )
