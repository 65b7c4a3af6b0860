"""The detector: peaks, counts and losses by hand."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from keras import layers, ops

from fruit_caption.config import ModelConfig
from fruit_caption.models.detector import (
    MIN_OBJECTNESS,
    CenterLoss,
    PeakCounts,
    build_detector,
    pool_kinds,
)

CONFIG = ModelConfig("scratch", "none", image_size=48, channels=8)
RNG = np.random.default_rng(0)


def logit(probability):
    return np.log(probability / (1 - probability))


def two_scales(coarse, fine):
    """An encoder whose features have these shapes."""
    inputs = keras.Input((*fine[:2], 1))
    scales = {
        "coarse": layers.Conv2D(coarse[2], 1)(layers.Resizing(*coarse[:2])(inputs)),
        "fine": layers.Conv2D(fine[2], 1)(inputs),
    }
    return keras.Model(inputs, scales)


@pytest.fixture(scope="module")
def detector():
    """A detector of three kinds of fruit whose fine grid is not twice the coarse one."""
    return build_detector(CONFIG, two_scales((3, 2, 5), (7, 5, 4)), num_fruits=3)


@pytest.fixture(scope="module")
def peak_counts():
    layer = PeakCounts()
    layer.build((None, 4, 5, 1), (None, 4, 5, 2))
    return layer


def test_detector_outputs_regions_of_the_coarse_grid_and_fruits_on_the_fine_grid(detector):
    features = {
        name: RNG.normal(size=(2, *shape[1:])).astype("float32")
        for name, shape in (("coarse", (2, 3, 2, 5)), ("fine", (2, 7, 5, 4)))
    }
    outputs = detector(features)
    assert {name: tuple(array.shape) for name, array in outputs.items()} == {
        "regions": (2, 6, 8),
        "center": (2, 7, 5, 1),
        "kind": (2, 7, 5, 3),
        "peaks": (2, 7, 5),
        "peak_kinds": (2, 7, 5),
        "counts": (2, 4, 2),
    }
    grid = keras.Model(detector.input, detector.get_layer("neck_output").output)(features)
    np.testing.assert_array_equal(outputs["regions"][1, 3], grid[1, 1, 1])


def test_detector_sees_no_fruit_before_training(detector):
    nothing = {
        name: np.zeros((1, *tensor.shape[1:]), "float32") for name, tensor in detector.input.items()
    }
    outputs = detector(nothing)
    np.testing.assert_allclose(ops.sigmoid(outputs["center"]), 0.01, rtol=0.02)
    assert not np.any(outputs["counts"])


def test_mixed_precision_keeps_the_outputs_of_the_detector_in_float32():
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_detector(CONFIG, two_scales((2, 2, 3), (4, 4, 3)), num_fruits=2)
    finally:
        keras.config.set_dtype_policy(previous)
    assert mixed.get_layer("head1_conv").compute_dtype == "bfloat16"
    dtypes = {name: tensor.dtype for name, tensor in mixed.output.items()}
    assert dtypes.pop("regions") == "bfloat16"
    assert dtypes.pop("peak_kinds") == "int32"
    assert set(dtypes.values()) == {"float32"}


# Cell, objectness, and probability of the first of two kinds.
FRUITS = (
    ((0, 0), 0.9, 0.75),
    ((0, 1), 0.7, 0.75),  # a neighbor of the first one, so the same fruit
    ((1, 1), 0.6, 0.25),  # likewise, diagonally
    ((2, 4), 0.8, 0.9),
    ((3, 1), 0.6, 0.2),
    ((0, 3), 0.3, 0.4),  # below the threshold
)


def head_outputs():
    """Outputs of the head that show `FRUITS` in a grid of 4 x 5 cells."""
    center, kind = np.full((1, 4, 5, 1), 0.01), np.full((1, 4, 5, 2), 0.5)
    for cell, objectness, first in FRUITS:
        center[0][cell] = objectness
        kind[0][cell] = first, 1 - first
    return logit(center).astype("float32"), np.log(kind).astype("float32")


def test_peaks_and_counts_by_hand(peak_counts):
    peak_counts.threshold.assign(0.4)
    peaks, kinds, counts = peak_counts(*head_outputs())
    expected = np.zeros((4, 5))
    expected[0, 0], expected[2, 4], expected[3, 1] = 0.9, 0.8, 0.6
    np.testing.assert_allclose(peaks[0], expected, rtol=1e-5)
    assert keras.backend.standardize_dtype(kinds.dtype) == "int32"
    assert [int(kinds[0, row, column]) for row, column in ((0, 0), (2, 4), (3, 1))] == [0, 0, 1]
    # The expected numbers include the fruit below the threshold, but not the cells around.
    first = 0.9 * 0.75 + 0.8 * 0.9 + 0.6 * 0.2 + 0.3 * 0.4
    second = 0.9 * 0.25 + 0.8 * 0.1 + 0.6 * 0.8 + 0.3 * 0.6
    expected = [[3, first + second], [2, first], [1, second]]
    np.testing.assert_allclose(counts, [expected], rtol=1e-5)


@pytest.mark.parametrize(
    ("threshold", "numbers"),
    [(0.25, [2, 2]), (0.7, [2, 0]), (0.85, [1, 0]), (0.95, [0, 0])],
)
def test_the_threshold_changes_the_numbers_but_not_the_expected_numbers(
    peak_counts, threshold, numbers
):
    peak_counts.threshold.assign(threshold)
    _, _, counts = peak_counts(*head_outputs())
    assert np.asarray(counts)[0, :, 0].tolist() == [sum(numbers), *numbers]
    assert float(counts[0, 0, 1]) == pytest.approx(0.9 + 0.8 + 0.6 + 0.3, rel=1e-5)


@given(
    arrays("float32", (1, 4, 5, 1), elements=st.floats(-6, 6, width=32, allow_subnormal=False)),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=25, deadline=None)
def test_counts_agree_with_the_peaks_in_any_grid(peak_counts, center, seed):
    peak_counts.threshold.assign(0.4)
    kind = np.random.default_rng(seed).normal(size=(1, 4, 5, 2)).astype("float32")
    peaks, kinds, counts = map(np.asarray, peak_counts(center, kind))
    objectness = np.asarray(ops.sigmoid(center))[0, :, :, 0]
    logits = center[0, :, :, 0]
    padded = np.pad(logits, 1, constant_values=-np.inf)
    largest = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max((2, 3))
    candidates = np.where(logits == largest, objectness, 0)
    np.testing.assert_array_equal(peaks[0], np.where(candidates > 0.4, candidates, 0))
    for index in range(2):
        assert counts[0, 1 + index, 0] == ((peaks > 0) & (kinds == index)).sum()
    expected = candidates[candidates > MIN_OBJECTNESS].sum()
    assert counts[0, 0, 1] == pytest.approx(expected, rel=1e-4, abs=1e-6)
    np.testing.assert_allclose(counts[0, 1:].sum(axis=0), counts[0, 0], rtol=1e-5, atol=1e-6)


def test_center_loss_by_hand():
    true = np.array([1.0, 0.5, 0.0], "float32").reshape(1, 1, 3, 1)
    predicted = np.array([0.8, 0.3, 0.6]).reshape(1, 1, 3, 1)
    losses = CenterLoss(reduction="none")(true, logit(predicted).astype("float32"))
    expected = [
        -((1 - 0.8) ** 2) * np.log(0.8),
        -((1 - 0.5) ** 4) * 0.3**2 * np.log(0.7),
        -(0.6**2) * np.log(0.4),
    ]
    np.testing.assert_allclose(losses, [[expected]], rtol=1e-4)


def test_center_loss_is_least_at_the_truth():
    true = np.zeros((1, 3, 3, 1), "float32")
    true[0, 1, 1] = 1
    right = np.where(true == 1, 8, -8).astype("float32")
    loss = CenterLoss(reduction="sum")
    least = float(loss(true, right))
    assert 0 <= least < 1e-4
    for row, column in np.ndindex(3, 3):
        wrong = right.copy()
        wrong[0, row, column] *= -1
        assert float(loss(true, wrong)) > 5
    certain = np.where(true == 1, -100, 100).astype("float32")
    assert np.isfinite(float(loss(true, certain)))


def test_center_loss_forgives_near_misses():
    """Objectness beside a center costs less the nearer it is."""
    true = np.array([0.0, 0.4, 0.9], "float32").reshape(1, 1, 3, 1)
    far, near, nearest = np.ravel(CenterLoss(reduction="none")(true, np.zeros_like(true)))
    assert far > near > nearest > 0


def test_pooled_kinds_by_hand():
    center = logit(np.array([[0.9], [0.1]])).astype("float32").reshape(1, 2, 1, 1)
    kind = np.log([[0.8, 0.2], [0.3, 0.7]]).astype("float32").reshape(1, 2, 1, 2)
    first = (0.9 * 0.8 + 0.1 * 0.3) / (0.9 + 0.1)
    np.testing.assert_allclose(pool_kinds(center, kind), [[first, 1 - first]], atol=2e-4)


def test_pooled_kinds_sum_to_1_even_where_no_fruit_is_seen():
    kind = RNG.normal(size=(2, 3, 3, 4)).astype("float32")
    pooled = np.asarray(pool_kinds(np.full((2, 3, 3, 1), -200, "float32"), kind))
    np.testing.assert_allclose(pooled, np.asarray(ops.softmax(kind)).mean((1, 2)), rtol=1e-4)


def test_a_single_kind_needs_no_choice():
    center, _ = head_outputs()
    kind = np.full((1, 4, 5, 1), 7, "float32")
    layer = PeakCounts()
    _, _, counts = layer(center, kind)
    np.testing.assert_allclose(counts, [[[3, 0.9 + 0.8 + 0.6 + 0.3]] * 2], rtol=1e-5)
    np.testing.assert_allclose(pool_kinds(center, kind), [[1]], rtol=1e-5)


def test_pooled_kinds_teach_kinds_but_not_objectness():
    features = keras.Input((2, 2, 3))
    center, kind = layers.Conv2D(1, 1, name="center"), layers.Conv2D(2, 1, name="kind")
    model = keras.Model(features, pool_kinds(center(features), kind(features)))
    model.compile("sgd", "categorical_crossentropy", run_eagerly=True)
    before = {layer.name: layer.get_weights() for layer in (center, kind)}
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        model.train_on_batch(
            RNG.normal(size=(4, 2, 2, 3)).astype("float32"), np.eye(2)[[0, 1, 1, 0]]
        )
    for layer, changes in ((center, False), (kind, True)):
        for old, new in zip(before[layer.name], layer.get_weights(), strict=True):
            assert (not np.array_equal(old, new)) is changes
