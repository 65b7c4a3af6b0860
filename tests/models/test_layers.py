"""The custom layers do what their descriptions say."""

import keras
import numpy as np
import pytest

from fruit_caption.models.layers import (
    MOST,
    CountingAttention,
    DensityLoss,
    QuestionLSTM,
    number_line,
)
from tests.layer_checks import check_layer

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_counting_attention_stands_the_checks(tmp_path):
    inputs = {
        "queries": floats(2, 3, 4, 5),
        "keys": floats(2, 2, 8, 6),
        "values": floats(2, 2, 6, 8),
        "counts": floats(2, 2),
    }
    check_layer(CountingAttention(), inputs, tmp_path)


def test_the_average_cannot_tell_one_from_two_and_the_sum_can():
    layer = CountingAttention()
    query, apple, nothing = (
        floats(1, 1, 1, 5),
        floats(1, 2, 1, 4),
        np.zeros((1, 2, 1, 4), "float32"),
    )
    one = np.concatenate([apple, nothing, nothing, nothing], axis=2)
    two = np.concatenate([apple, apple, nothing, nothing], axis=2)
    counts = np.ones((1, 1), "float32")
    # Let the query look at apples alone.
    layer(query, one.swapaxes(2, 3), one, counts)
    layer.query.kernel.assign(np.zeros_like(layer.query.kernel.numpy()))
    layer.query.bias.assign(100 * apple.ravel())
    layer.gate_bias.assign(-20.0)
    seen_one, looked = layer(query, one.swapaxes(2, 3), one, counts)
    seen_two, _ = layer(query, two.swapaxes(2, 3), two, counts)
    np.testing.assert_allclose(looked[0, 0, 0], [1, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(seen_two[..., :4], seen_one[..., :4], atol=1e-5)
    np.testing.assert_allclose(seen_two[..., 4:8], 2 * seen_one[..., 4:8], rtol=1e-4)


def test_scores_and_sums_against_plain_numpy():
    layer = CountingAttention()
    queries, counts = floats(2, 2, 3, 4), floats(2, 2)
    keys, values = floats(2, 2, 3, 5), floats(2, 2, 5, 3)
    seen, looked = layer(queries, keys, values, counts)
    query = queries[1, 0, 2] @ layer.query.kernel.numpy() + layer.query.bias.numpy()
    scores = np.exp(query[:3] @ keys[1, 0] / 3**0.5)
    weights = scores / scores.sum()
    logits = query[3:] @ keys[1, 1] / 3**0.5 + float(layer.gate_bias.numpy())
    gates = 1 / (1 + np.exp(-logits))
    kinds = 1 / (1 + np.exp(-queries[1, 0, 2] @ layer.kind.kernel.numpy()))
    places = np.maximum(0, 1 - np.abs(kinds @ counts[1] - np.arange(MOST + 1)))
    expected = [weights @ values[1, 0], gates @ values[1, 1], places, kinds * counts[1]]
    np.testing.assert_allclose(looked[1, 0, 2], weights, rtol=1e-4)
    np.testing.assert_allclose(seen[1, 0, 2], np.concatenate(expected), rtol=1e-3, atol=1e-5)


def test_a_number_lights_its_neighbors_on_the_number_line():
    line = np.asarray(number_line(keras.ops.array([[0.0, 2.25], [3.0, MOST + 7.5]])))
    assert line.shape == (2, 2, MOST + 1)
    assert line[0, 0].tolist() == [1.0] + [0.0] * MOST
    assert line[0, 1].tolist() == [0.0, 0.0, 0.75, 0.25] + [0.0] * (MOST - 3)
    assert line[1, 0].tolist() == [0.0, 0.0, 0.0, 1.0] + [0.0] * (MOST - 3)
    assert line[1, 1].tolist() == [0.0] * MOST + [1.0]


def test_attention_passes_the_mask_of_its_queries_on():
    words = keras.Input((None, None), dtype="int32")
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(words)
    keys, values = keras.Input((2, 4, 5)), keras.Input((2, 5, 4))
    seen, _ = CountingAttention()(embedded, keys, values, keras.Input((1,)))
    assert seen._keras_mask is not None


def test_question_lstm_stands_the_checks(tmp_path):
    inputs = {
        "words": floats(2, 3, 4, 5),
        "state_h": floats(2, 1, 6),
        "state_c": floats(2, 1, 6),
    }
    check_layer(QuestionLSTM(6), inputs, tmp_path)


def test_each_question_is_read_as_if_alone():
    layer = QuestionLSTM(6)
    words, state_h, state_c = floats(2, 3, 4, 5), floats(2, 1, 6), floats(2, 1, 6)
    together, last_h, last_c = layer(words, state_h, state_c)
    alone, h, c = layer.lstm(words[1, 2:3], initial_state=[state_h[1], state_c[1]])
    np.testing.assert_allclose(together[1, 2], alone[0], atol=1e-6)
    np.testing.assert_allclose(last_h[1, 2], h[0], atol=1e-6)
    np.testing.assert_allclose(last_c[1, 2], c[0], atol=1e-6)


def test_padding_keeps_the_state_after_the_last_word():
    layer = QuestionLSTM(6)
    words, state = floats(1, 1, 4, 5), np.zeros((1, 1, 6), "float32")
    mask = np.array([[[True, True, False, False]]])
    padded, padded_h, _ = layer(words, state, state, words_mask=mask)
    short, short_h, _ = layer(words[:, :, :2], state, state)
    np.testing.assert_allclose(padded_h, short_h, atol=1e-6)
    np.testing.assert_allclose(padded[:, :, -1], short[:, :, -1], atol=1e-6)


def test_reading_word_by_word_is_reading_at_once():
    layer = QuestionLSTM(6)
    words = floats(1, 2, 3, 5)
    state_h = state_c = np.zeros((1, 1, 6), "float32")
    at_once, *_ = layer(words, state_h, state_c)
    for step in range(3):
        one, state_h, state_c = layer(words[:, :, step : step + 1], state_h, state_c)
        np.testing.assert_allclose(one[:, :, 0], at_once[:, :, step], atol=1e-6)


def test_density_loss_by_hand_and_unknown_kinds_cost_nothing():
    predicted = np.full((1, 1, 2, 2), 0.5, "float32")
    true = np.array([[[[1.0, -1.0], [0.0, -1.0]]]], "float32")
    # 0.5 - 1 * log(0.5) for the first cell, 0.5 for the second, nothing for the second kind.
    assert float(DensityLoss()(true, predicted)) == pytest.approx(0.5 + np.log(2) + 0.5, rel=1e-4)


def test_density_loss_is_least_at_the_truth():
    true = np.array([[[[0.3], [1.7]]]], "float32")
    losses = [float(DensityLoss()(true, true * factor)) for factor in (0.8, 1.0, 1.25)]
    assert losses[1] == min(losses)
