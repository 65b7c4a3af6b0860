"""Calibration measures against values computed by hand."""

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


def row(confidence, correct):
    answer = "there is one fig" if correct else "there are two figs"
    item = QAPair("?", "there is one fig", "count", "fig", "")
    return Prediction("a.jpg", item, answer, confidence)


ROWS = [row(0.0, False), row(0.25, True), row(0.5, True), row(0.5, False), row(1.0, True)]


def test_each_answer_is_in_one_bin():
    assert reliability(ROWS, bins=4) == [
        Bin(0.0, 0.25, 1, 0, 0.0),  # confidence 0
        Bin(0.25, 0.5, 1, 1, 0.25),  # a boundary belongs to the bin above it
        Bin(0.5, 0.75, 2, 1, 1.0),
        Bin(0.75, 1.0, 1, 1, 1.0),  # except confidence 1
    ]


def test_empty_bins_are_included():
    bins = reliability([row(0.95, True)])
    assert [bin.total for bin in bins] == [0] * 9 + [1]
    assert [bin.total for bin in reliability([])] == [0] * 10


def test_calibration_error_is_the_weighted_mean_of_the_bins():
    # 1/5 * 0 + 1/5 * |1 - 0.25| + 2/5 * |1/2 - 1/2| + 1/5 * 0
    assert expected_calibration_error(ROWS, bins=4) == pytest.approx(0.15)
    # In a single bin, overconfidence and underconfidence cancel out: |3/5 - 2.25/5|.
    assert expected_calibration_error(ROWS, bins=1) == pytest.approx(0.15)


def test_calibration_error_of_extreme_cases():
    assert expected_calibration_error([row(1.0, True), row(0.0, False)]) == 0
    assert expected_calibration_error([row(1.0, False), row(0.0, True)]) == 1
    assert expected_calibration_error([]) is None


def test_fit_temperature():
    # One of two words has a lead of 2 and is correct in seven of nine cases; a tenth counts half. A
    # lead of ln 3 gives it the probability 3 / 4.
    logits = np.array([[2.0, 0.0]] * 9, "float32")
    words = np.array([0] * 7 + [1] * 2)
    assert fit_temperature(logits, words) == pytest.approx(2 / np.log(3))
    assert fit_temperature(logits / 8, words) == pytest.approx(0.25)  # clipped: 0.25 / ln 3 is less
    assert fit_temperature(logits + 1000, words) == pytest.approx(2 / np.log(3))


def test_a_model_that_was_never_wrong_is_not_made_surer_than_that():
    logits = np.array([[2.0, 0.0]] * 9, "float32")
    assert fit_temperature(logits, np.zeros(9, int)) == pytest.approx(2 / np.log(19))


def test_fit_temperature_stays_within_bounds():
    logits = np.array([[3.0, 0.0, 1.0]] * 5)
    assert fit_temperature(logits / 5, np.zeros(5, int)) == 0.25
    assert fit_temperature(logits, np.ones(5, int)) == 4.0


def test_fit_confidence_threshold():
    few = [row(0.1, False), row(0.2, True), row(0.3, False), row(0.5, False), row(0.7, True)]
    # Below 0.6 there are one correct and three wrong answers; other thresholds err more often.
    assert fit_confidence_threshold(few) == pytest.approx(0.6)
    assert fit_confidence_threshold([row(0.1, True), row(0.9, True)]) == 0
    assert fit_confidence_threshold([]) == 0
    # A threshold never lies between answers of equal confidence.
    assert fit_confidence_threshold([row(0.4, False), row(0.4, True), row(0.8, True)]) == 0
