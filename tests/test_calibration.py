"""Calibration against hand-computed values."""

import pytest

from fruit_caption.calibration import Bin, expected_calibration_error, reliability
from fruit_caption.metrics import Row
from fruit_caption.writer.qa import Item


def row(confidence, right):
    said = "there is one fig" if right else "there are two figs"
    return Row("a.jpg", Item("?", "there is one fig", "count", "fig", ""), said, confidence)


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
