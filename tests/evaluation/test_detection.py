"""Scores of the detector, counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from fruit_caption.data.dataset import Example
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.evaluation.detection import (
    THRESHOLDS,
    Detected,
    detected_fruits,
    find_candidates,
    fit_peak_threshold,
    score_detections,
)
from fruit_caption.models.detector import MIN_OBJECTNESS

FRUITS = ("apple", "banana")


def example(*fruits, **known):
    boxes = tuple(FruitBox(fruit, 0, 0, 1, 1) for fruit in fruits)
    photo = Photo(Path("a.jpg"), 9, 9, boxes, frozenset(FRUITS), **known)
    return Example(photo.path, "a.jpg", (), photo)


def found(*fruits):
    """Detected fruits as (kind, objectness)."""
    return Detected(
        np.array([objectness for _, objectness in fruits]),
        np.array([FRUITS.index(fruit) for fruit, _ in fruits], int),
    )


def exact(scores):
    return {name: (row["n"], row["exact"]) for name, row in scores.items()}


def test_detected_fruits_are_the_cells_with_a_peak():
    encoding = {
        "peaks": np.array([[[0.0, 0.9], [0.5, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]),
        "peak_kinds": np.array([[[3, 1], [2, 3]], [[1, 1], [1, 1]]]),
    }
    first, second = detected_fruits(encoding)
    assert (first.objectness.tolist(), first.kinds.tolist()) == ([0.9, 0.5], [1, 2])
    assert len(second.objectness) == len(second.kinds) == 0


def test_scores_by_hand():
    examples = [
        example("apple", "apple"),
        example("apple", "banana"),
        example(),
        example("banana"),
        Example(Path("b.jpg"), "b.jpg", ()),  # nothing is known
    ]
    detected = [
        found(("apple", 0.9), ("apple", 0.8)),
        found(("apple", 0.9), ("apple", 0.8)),
        found(),
        found(),
        found(("apple", 0.9)),
    ]
    assert exact(score_detections(detected, examples, FRUITS)) == {
        "present": (4, 0.25),  # only the apples of the first photo
        "several": (1, 1.0),
        "total": (4, 0.75),  # not the last one
        "single": (2, 0.5),  # the others show two kinds or none
        "kind": (2, 0.5),  # nothing was found in the last one
        "overall": (10, 0.5),
    }


def test_fruits_below_the_threshold_are_not_counted():
    detected = [found(("apple", 0.9), ("apple", 0.3))]
    rows = [score_detections(detected, [example("apple")], FRUITS, t) for t in (0.2, 0.3)]
    assert [row["total"]["exact"] for row in rows] == [0.0, 1.0]


def test_the_most_frequent_kind_of_a_photo_counts():
    detected = [found(("banana", 0.9), ("apple", 0.3), ("apple", 0.3))]
    assert score_detections(detected, [example("apple")], FRUITS)["kind"]["exact"] == 1.0
    assert score_detections(detected, [example("banana")], FRUITS)["kind"]["exact"] == 0.0


def test_what_is_unknown_is_not_scored():
    nothing = {"n": 0, "exact": None}
    labeled = Example(
        Path("a.jpg"), "a.jpg", (), Photo(Path("a.jpg"), 9, 9, labels=frozenset(["apple"]))
    )
    scores = score_detections([found(("apple", 0.9))], [labeled], FRUITS)
    assert scores["kind"] == {"n": 1, "exact": 1.0}
    assert scores["present"] == scores["several"] == scores["total"] == nothing
    # A bunch has a box, but its number is unknown; so is the number of a photo with other fruits.
    for unknown in ({"count_ok": frozenset()}, {"exhaustive": False}):
        scores = score_detections([found()], [example("apple", **unknown)], FRUITS)
        assert scores["total"] == nothing
    assert score_detections([], [], FRUITS)["overall"] == nothing


def test_a_fruit_that_the_model_does_not_know_is_wrong():
    scores = score_detections([found(("apple", 0.9))], [example("apple")], ("banana",))
    assert exact(scores)["present"] == exact(scores)["kind"] == (1, 0.0)
    assert exact(scores)["total"] == (1, 1.0)


def test_the_threshold_is_the_middle_of_the_best():
    # One apple is found from 0.35 to 0.6, else two or none.
    detected = [found(("apple", 0.62), ("apple", 0.33))]
    best = THRESHOLDS[(THRESHOLDS > 0.33) & (THRESHOLDS < 0.62)]
    threshold, share = fit_peak_threshold(detected, [example("apple")], FRUITS)
    assert threshold == pytest.approx(best[len(best) // 2]) == pytest.approx(0.5)
    assert share == 1.0


def test_without_any_case_the_threshold_is_the_middle_one():
    threshold, share = fit_peak_threshold([], [], FRUITS)
    assert threshold == THRESHOLDS[len(THRESHOLDS) // 2]
    assert share == 0.0


class Model:
    """Records the threshold with which it encodes."""

    peak_threshold = 0.5

    def __init__(self):
        self.used = []

    def encode_features(self, features):
        self.used.append(self.peak_threshold)
        if features is None:
            raise KeyboardInterrupt
        return {"peaks": features, "peak_kinds": np.zeros(features.shape, int)}


def test_candidates_are_found_with_a_low_threshold():
    model = Model()
    [first, second] = find_candidates(model, [np.array([[[0.2]]]), np.array([[[0.0]]])])
    assert model.used == [MIN_OBJECTNESS] * 2
    assert (first.objectness.tolist(), second.objectness.tolist()) == ([0.2], [])
    with pytest.raises(KeyboardInterrupt):
        find_candidates(model, [None])
    assert model.peak_threshold == 0.5
