"""Calibration against hand-computed values."""

import numpy as np
import pytest

from fruit_caption.data.qa import Prediction, QAPair
from fruit_caption.evaluation.calibration import (
    Bin,
    expected_calibration_error,
    fit_confidence_threshold,
    fit_temperature,
    reliability,
)


def row(confidence, right):
    said = "there is one fig" if right else "there are two figs"
    return Prediction(
        "a.jpg", QAPair("?", "there is one fig", "count", "fig", ""), said, confidence
    )


ROWS = [row(0.0, False), row(0.25, True), row(0.5, True), row(0.5, False), row(1.0, True)]


def test_every_answer_is_in_one_bin():
    assert reliability(ROWS, bins=4) == [
        Bin(0.0, 0.25, 1, 0, 0.0),  # confidence 0
        Bin(0.25, 0.5, 1, 1, 0.25),  # a border belongs to the bin above it
        Bin(0.5, 0.75, 2, 1, 1.0),
        Bin(0.75, 1.0, 1, 1, 1.0),  # but confidence 1 to the last
    ]


def test_empty_bins_are_there_too():
    bins = reliability([row(0.95, True)])
    assert [each.answers for each in bins] == [0] * 9 + [1]
    assert [each.answers for each in reliability([])] == [0] * 10


def test_the_error_is_the_mean_distance_between_confidence_and_right():
    # 1/5 * 0 + 1/5 * |1 - 0.25| + 2/5 * |1/2 - 1/2| + 1/5 * 0
    assert expected_calibration_error(ROWS, bins=4) == pytest.approx(0.15)
    # In a single bin too sure and too unsure make up for each other: |3/5 - 2.25/5|.
    assert expected_calibration_error(ROWS, bins=1) == pytest.approx(0.15)


def test_the_ends():
    assert expected_calibration_error([row(1.0, True), row(0.0, False)]) == 0
    assert expected_calibration_error([row(1.0, False), row(0.0, True)]) == 1
    assert expected_calibration_error([]) is None


def test_the_temperature_that_makes_a_model_as_sure_as_it_is_right():
    # It gives one of two words a lead of 2, and is right three times out of four: a lead of
    # ln 3 would be right, for e^(ln 3) : 1 is 3 : 1.
    logits = np.array([[2.0, 0.0]] * 4, "float32")
    words = np.array([0, 0, 0, 1])
    assert fit_temperature(logits, words) == pytest.approx(2 / np.log(3))
    assert fit_temperature(logits / 8, words) == pytest.approx(0.25)  # 0.25 / ln 3 is less
    assert fit_temperature(logits + 1000, words) == pytest.approx(2 / np.log(3))


def test_a_model_that_is_always_right_or_always_wrong_stays_within_bounds():
    logits = np.array([[3.0, 0.0, 1.0]] * 5)
    assert fit_temperature(logits, np.zeros(5, int)) == 0.25
    assert fit_temperature(logits, np.ones(5, int)) == 4.0


def test_doubt_starts_where_answers_are_more_often_wrong_than_right():
    few = [row(0.1, False), row(0.2, True), row(0.3, False), row(0.5, False), row(0.7, True)]
    # Doubting the first four mistakes one right answer; any other choice mistakes more.
    assert fit_confidence_threshold(few) == pytest.approx(0.6)
    assert fit_confidence_threshold([row(0.1, True), row(0.9, True)]) == 0
    assert fit_confidence_threshold([]) == 0
    # Answers of one confidence are doubted together or not at all.
    assert fit_confidence_threshold([row(0.4, False), row(0.4, True), row(0.8, True)]) == 0
