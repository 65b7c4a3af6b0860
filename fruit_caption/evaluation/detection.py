"""Scores the detector alone: what it counts, before the decoder puts it into words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from fruit_caption.data.dataset import Example
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import Arrays
from fruit_caption.models.detector import MIN_OBJECTNESS

THRESHOLDS = np.arange(0.2, 0.71, 0.05)
"""Thresholds of objectness among which `fit_peak_threshold` chooses."""


SCORES = ("present", "several", "total", "single", "kind")
"""Names of the scores of `score_detections`, without "overall"."""


class Detected(NamedTuple):
    """The fruits that a detector may have found in a photo.

    Attributes:
        objectness: Objectness of each candidate, 0 to 1.
        kinds: Its kind, as an index of `Captioner.fruits`.
    """

    objectness: np.ndarray
    kinds: np.ndarray


def detected_fruits(encoding: Arrays) -> list[Detected]:
    """Return the fruits in the outputs of `Captioner.neck`, photo by photo."""
    return [
        Detected(peaks[peaks > 0], kinds[peaks > 0])
        for peaks, kinds in zip(encoding["peaks"], encoding["peak_kinds"], strict=True)
    ]


def find_candidates(model: Captioner, batches: Iterable[Arrays]) -> list[Detected]:
    """Find everything that the detector would count with a low threshold.

    Args:
        model: A model; its threshold is the same afterwards.
        batches: `coarse` and `fine` features of photos.
    """
    threshold, model.peak_threshold = model.peak_threshold, MIN_OBJECTNESS
    try:
        return [
            photo
            for features in batches
            for photo in detected_fruits(model.encode_features(features))
        ]
    finally:
        model.peak_threshold = threshold


def fit_peak_threshold(
    candidates: Sequence[Detected], examples: Sequence[Example], fruits: Sequence[str]
) -> tuple[float, float]:
    """Choose the threshold of objectness with the best `score_detections`.

    Args:
        candidates: The output of `find_candidates`.
        examples: The photos.
        fruits: Kinds of fruit of the model.

    Returns:
        The threshold (of several that are equally good, the middle one) and its score "overall".
    """
    scores = [
        score_detections(candidates, examples, fruits, threshold)["overall"]["exact"] or 0.0
        for threshold in THRESHOLDS
    ]
    best = [t for t, score in zip(THRESHOLDS, scores, strict=True) if score == max(scores)]
    return float(best[len(best) // 2]), max(scores)


def score_detections(
    found: Sequence[Detected],
    examples: Sequence[Example],
    fruits: Sequence[str],
    threshold: float = 0.0,
) -> dict[str, dict[str, Any]]:
    """Score what a detector finds.

    Args:
        found: What it finds in each photo.
        examples: The photos.
        fruits: Kinds of fruit of the model.
        threshold: Objectness that a fruit must exceed to be counted.

    Returns:
        A dictionary of scores, each with its number of cases `n` and the share `exact`, 0 to 1, of
        those that are right (None without any case):

        - `present`: counts of the kinds that are in a photo.
        - `several`: those of them that are 2 or more.
        - `total`: numbers of all fruits, whatever their kind, of photos whose number is known.
        - `single`: the same of photos of one kind of fruit.
        - `kind`: photos of one kind of fruit, where the kind that is found most often is the right
          one; a photo in which nothing is found is wrong.
        - `overall`: `present`, `total` and `kind` together.
    """
    cases: dict[str, list[bool]] = {name: [] for name in SCORES}
    for photo, example in zip(found, examples, strict=True):
        if example.photo is None:
            continue
        kinds = photo.kinds[photo.objectness > threshold]
        numbers = np.bincount(kinds, minlength=max(1, len(fruits)))
        for fruit, number in example.photo.counts().items():
            if number:
                is_right = fruit in fruits and bool(numbers[fruits.index(fruit)] == number)
                cases["present"].append(is_right)
                if number > 1:
                    cases["several"].append(is_right)
        total = example.photo.total()
        is_single = len(example.photo.fruits) == 1
        if total is not None:
            cases["total"].append(len(kinds) == total)
            if is_single:
                cases["single"].append(len(kinds) == total)
        if is_single:
            most = fruits[int(numbers.argmax())] if len(kinds) else None
            cases["kind"].append(most == example.photo.fruits[0])
    cases["overall"] = cases["present"] + cases["total"] + cases["kind"]
    return {
        name: {"n": len(rights), "exact": round(sum(rights) / len(rights), 4) if rights else None}
        for name, rights in cases.items()
    }
