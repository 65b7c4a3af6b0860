"""The detector's targets, by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fruit_caption.data.augmentation import View
from fruit_caption.data.records import FruitBox, Photo
from fruit_caption.data.targets import (
    MIN_KIND_PEAK,
    Shown,
    ShownFruit,
    draw_targets,
    show,
    show_mosaic,
)

FRUITS = ("apple", "lime", "pear")
# The center is at (0.3, 0.4) of the square.
PHOTO = Photo(
    Path("a.jpg"), 80, 80, (FruitBox("lime", 16, 24, 16, 16),), frozenset(FRUITS), group="g"
)
BESIDE = np.exp(-0.5 / 0.7**2)
"""Height of the narrowest peak in a neighboring cell."""


def test_one_fruit_by_hand():
    center, weight, kind, kind_weight, label = draw_targets(show(PHOTO), FRUITS, 8, 8)
    assert center.shape == (8, 8, 1)
    assert {array.dtype.name for array in (center, weight, kind_weight, label)} == {"float32"}
    assert kind.dtype == "int32"
    assert np.argwhere(center[..., 0] == 1).tolist() == [[3, 2]]
    np.testing.assert_allclose(
        center[2:5, 1:4, 0],
        [[BESIDE**2, BESIDE, BESIDE**2], [BESIDE, 1, BESIDE], [BESIDE**2, BESIDE, BESIDE**2]],
        rtol=1e-5,
    )
    assert center[7, 7, 0] < 1e-6
    assert (weight == 1).all()
    # Only the center and the cells beside it are high enough to teach the kind.
    total = 1 + 4 * BESIDE
    expected = np.zeros((8, 8))
    expected[3, 1:4] = expected[2:5, 2] = BESIDE / total
    expected[3, 2] = 1 / total
    np.testing.assert_allclose(kind_weight, expected, rtol=1e-5)
    assert (kind[expected > 0] == 1).all()
    assert label.tolist() == [0, 0, 0]


def test_peaks_of_large_fruits_are_wider():
    shown = Shown((ShownFruit("apple", (0.0, 0.25, 1.0, 0.5), True),), True)
    center = draw_targets(shown, FRUITS, 40, 40).center[..., 0]
    # Standard deviations of 10% of the box: 4 cells across and 2 cells down.
    assert center[20, 20] == 1
    assert center[20, 24] == pytest.approx(np.exp(-0.5), rel=1e-5)
    assert center[22, 20] == pytest.approx(np.exp(-0.5), rel=1e-5)


def test_rows_and_columns_of_the_grid_may_differ():
    center = draw_targets(show(PHOTO), FRUITS, 10, 20).center
    assert center.shape == (10, 20, 1)
    assert np.argwhere(center == 1).tolist() == [[4, 6, 0]]


def test_a_bunch_teaches_its_kind_but_no_center():
    bunch = replace(PHOTO, count_ok=frozenset())
    assert [fruit.is_single for fruit in show(bunch).fruits] == [False]
    one, targets = (draw_targets(show(photo), FRUITS, 10, 10) for photo in (PHOTO, bunch))
    assert not targets.center.any()
    expected = np.ones((10, 10))
    expected[3:5, 2:4] = 0  # its box
    np.testing.assert_array_equal(targets.center_weight, expected)
    np.testing.assert_array_equal(targets.kind_weight, one.kind_weight)
    np.testing.assert_array_equal(targets.kind, one.kind)


def test_a_single_fruit_in_the_box_of_a_bunch_is_taught():
    fruits = (
        ShownFruit("apple", (0.5, 0.5, 0.25, 0.25), True),
        ShownFruit("lime", (0.0, 0.0, 1.0, 1.0), False),
    )
    for order in (fruits, fruits[::-1]):
        targets = draw_targets(Shown(order, True), FRUITS, 8, 8)
        assert targets.center[5, 5] == 1
        assert targets.center_weight.sum() == 4
        assert (targets.center_weight[4:6, 4:6] == 1).all()
        assert targets.kind[5, 5] == 0


def test_nothing_is_taught_outside_the_boxes_of_an_incomplete_photo():
    targets = draw_targets(show(replace(PHOTO, exhaustive=False)), FRUITS, 10, 10)
    assert targets.center_weight.sum() == 4
    assert (targets.center_weight[3:5, 2:4] == 1).all()
    assert targets.center[4, 3] == 1
    assert targets.kind_weight.sum() == pytest.approx(1, rel=1e-5)


def test_an_empty_photo_teaches_that_there_is_no_fruit():
    targets = draw_targets(show(replace(PHOTO, boxes=())), FRUITS, 4, 4)
    assert not targets.center.any()
    assert (targets.center_weight == 1).all()
    assert not targets.kind_weight.any()


def test_labels_teach_kinds_only():
    labeled = replace(PHOTO, boxes=(), labels=frozenset({"apple", "pear"}))
    targets = draw_targets(show(labeled), FRUITS, 4, 4)
    assert targets.label.tolist() == [0.5, 0, 0.5]
    assert not targets.center_weight.any()
    assert not targets.kind_weight.any()


@pytest.mark.parametrize(("fruits", "number"), [(FRUITS, 3), ((), 1)])
def test_a_photo_without_a_record_teaches_nothing(fruits, number):
    targets = draw_targets(show(None), fruits, 4, 4)
    assert targets.label.tolist() == [0] * number
    assert not targets.center_weight.any()
    assert not targets.kind_weight.any()


def test_the_nearer_of_two_overlapping_fruits_gives_the_kind():
    fruits = (
        ShownFruit("apple", (0.1, 0.4, 0.4, 0.2), True),  # centered in column 6 of 20
        ShownFruit("pear", (0.2, 0.4, 0.4, 0.2), True),  # and 8
    )
    targets = draw_targets(Shown(fruits, True), FRUITS, 20, 20)
    assert np.argwhere(targets.center == 1).tolist() == [[10, 6, 0], [10, 8, 0]]
    taught = targets.kind_weight[10] > 0
    assert np.flatnonzero(taught).tolist() == [5, 6, 7, 8, 9]
    # Column 7 is as near to both; the first one keeps it.
    assert targets.kind[10, taught].tolist() == [0, 0, 0, 2, 2]
    assert targets.kind_weight.sum() < 2


@given(
    st.tuples(*[st.floats(-0.1, 0.9)] * 2, *[st.floats(0.001, 0.3)] * 2),
    st.integers(2, 30),
    st.integers(2, 30),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_one_fruit_anywhere_in_any_grid(box, rows, columns, is_single):
    shown = Shown((ShownFruit("pear", box, is_single),), True)
    targets = draw_targets(shown, FRUITS, rows, columns)
    assert (targets.center == 1).sum() == is_single
    assert ((targets.center >= 0) & (targets.center <= 1)).all()
    assert targets.kind_weight.sum() == pytest.approx(1, rel=1e-4)
    assert (targets.kind[targets.kind_weight > 0] == 2).all()
    # The center of a bunch is in its box, where nothing is taught; a single fruit teaches all.
    assert (targets.center_weight == 0).any() != is_single
    assert (targets.center_weight[targets.center[..., 0] == 1] == 1).all()
    if is_single:
        is_high = targets.center[..., 0] > MIN_KIND_PEAK
        np.testing.assert_array_equal(targets.kind_weight > 0, is_high)


def test_fruits_move_with_the_view():
    [fruit] = show(PHOTO, View(left=0.2, top=0.2, side=0.5, mirrored=True)).fruits
    assert fruit.fruit == "lime"
    np.testing.assert_allclose(fruit.box, (0.6, 0.2, 0.4, 0.4))


def test_boxes_of_a_landscape_photo_are_letterboxed():
    [fruit] = show(replace(PHOTO, height=40, boxes=(FruitBox("pear", 0, 0, 20, 20),))).fruits
    assert fruit == ("pear", (0, 0.25, 0.25, 0.25), True)


def test_quarters_of_a_mosaic():
    quarter, empty = show(PHOTO), Shown(complete=True)
    shown = show_mosaic([quarter, empty, quarter, quarter])
    assert shown.complete
    places = np.array([fruit.box for fruit in shown.fruits])
    np.testing.assert_allclose(
        places, [(0.1, 0.15, 0.1, 0.1), (0.1, 0.65, 0.1, 0.1), (0.6, 0.65, 0.1, 0.1)]
    )
    assert not show_mosaic([quarter, quarter, Shown(), quarter]).complete
