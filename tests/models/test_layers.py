"""The layers of the decoder, against NumPy and by hand."""

import keras
import numpy as np
import pytest

from fruit_caption.models.layers import (
    FORGET_BIAS,
    MAX_COUNT,
    CountingAttention,
    QuestionLSTM,
    number_line,
)

RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (
            CountingAttention(),
            {
                "queries": floats(2, 3, 4, 5),
                "keys": floats(2, 2, 8, 6),
                "values": floats(2, 2, 6, 8),
                "counts": floats(2, 3, 2),
            },
        ),
        (
            QuestionLSTM(6),
            {
                "words": floats(2, 3, 4, 5),
                "state_h": floats(2, 1, 6),
                "state_c": floats(2, 1, 6),
            },
        ),
    ],
    ids=["attention", "lstm"],
)
def test_layer_has_static_shapes_can_be_saved_and_trains_all_weights(layer, inputs, tmp_path):
    symbols = {name: keras.Input(array.shape[1:], name=name) for name, array in inputs.items()}
    symbolic_outputs = keras.tree.flatten(layer(**symbols))
    model = keras.Model(symbols, symbolic_outputs)
    outputs = model.predict(inputs, verbose=0)
    for symbol, array in zip(symbolic_outputs, outputs, strict=True):
        assert tuple(symbol.shape[1:]) == array.shape[1:]

    model.save(tmp_path / "layer.keras")
    loaded = keras.saving.load_model(tmp_path / "layer.keras", safe_mode=True)
    for old, new in zip(outputs, loaded.predict(inputs, verbose=0), strict=True):
        np.testing.assert_array_equal(old, new)
    assert loaded.get_layer(layer.name).get_config() == layer.get_config()

    old_weights = [weight.numpy().copy() for weight in layer.trainable_weights]
    assert old_weights
    rng = np.random.default_rng(0)
    targets = [rng.normal(size=array.shape) for array in outputs]
    model.compile("sgd", loss=["mse"] * len(outputs))
    model.train_on_batch(inputs, targets)
    for weight, old in zip(layer.trainable_weights, old_weights, strict=True):
        assert np.isfinite(weight.numpy()).all()
        assert (weight.numpy() != old).any(), weight.path


def test_average_cannot_tell_one_from_two_but_sum_can():
    layer = CountingAttention()
    query, apple = floats(1, 1, 1, 5), floats(1, 2, 1, 4)
    nothing = np.zeros((1, 2, 1, 4), "float32")
    one = np.concatenate([apple, nothing, nothing, nothing], axis=2)
    two = np.concatenate([apple, apple, nothing, nothing], axis=2)
    counts = np.ones((1, 2, 2), "float32")
    layer(query, one.swapaxes(2, 3), one, counts)
    # Make the query match apples only.
    layer.query.kernel.assign(np.zeros_like(layer.query.kernel.numpy()))
    layer.query.bias.assign(100 * apple.ravel())
    layer.gate_bias.assign(-20.0)
    context_one, weights, _ = layer(query, one.swapaxes(2, 3), one, counts)
    context_two, _, _ = layer(query, two.swapaxes(2, 3), two, counts)
    np.testing.assert_allclose(weights[0, 0, 0], [1, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(context_two[..., :4], context_one[..., :4], atol=1e-5)
    np.testing.assert_allclose(context_two[..., 4:8], 2 * context_one[..., 4:8], rtol=1e-4)


def test_counting_attention_against_numpy():
    layer = CountingAttention()
    queries, counts = floats(2, 2, 3, 4), floats(2, 3, 2)
    keys, values = floats(2, 2, 3, 5), floats(2, 2, 5, 3)
    context, attention, kind_attention = layer(queries, keys, values, counts)
    query = queries[1, 0, 2] @ layer.query.kernel.numpy() + layer.query.bias.numpy()
    scores = np.exp(query[:3] @ keys[1, 0] / 3**0.5)
    weights = scores / scores.sum()
    logits = query[3:] @ keys[1, 1] / 3**0.5 + float(layer.gate_bias.numpy())
    gates = 1 / (1 + np.exp(-logits))
    present = np.minimum(counts[1], 1)
    always, if_present = (queries[1, 0, 2] @ layer.kind_scores.kernel.numpy()).reshape(3, 2).T
    kinds = np.exp(always + if_present * present[:, 0])
    places = np.maximum(0, 1 - np.abs(counts[1][..., None] - np.arange(MAX_COUNT + 1)))
    number = np.tensordot(kinds / kinds.sum(), places, 1)
    kinds /= kinds.sum()
    behind = kinds[0] * present[1:, 0].sum() + kinds[1] * present[2, 0]
    line = np.maximum(0, 1 - np.abs(behind - np.arange(MAX_COUNT + 1)))
    read = [weights @ values[1, 0], gates @ values[1, 1]]
    expected = [*read, number.ravel(), line, present.ravel()]
    np.testing.assert_allclose(attention[1, 0, 2], weights, rtol=1e-4)
    np.testing.assert_allclose(kind_attention[1, 0, 2], kinds / kinds.sum(), rtol=1e-4)
    np.testing.assert_allclose(context[1, 0, 2], np.concatenate(expected), rtol=1e-3, atol=1e-5)


def attend(layer, counts):
    """The context of one query for a photo of two regions with these counts (fruits, 2)."""
    queries, keys, values = np.ones((1, 1, 1, 5)), np.ones((1, 2, 4, 2)), np.zeros((1, 2, 2, 4))
    context, _, _ = layer(queries, keys, values, np.asarray([counts], "float32"))
    return np.asarray(context)[0, 0, 0]


def test_attention_to_a_kind_looks_up_its_numbers():
    layer = CountingAttention()
    attend(layer, [[0, 0]] * 3)
    layer.kind_scores.kernel.assign(np.zeros_like(layer.kind_scores.kernel))
    layer.kind_scores.bias.assign([0.0, 0.0, -100.0, 0.0, 0.0, 0.0])  # half first, half third
    context = attend(layer, [[2, 2.25], [7, 7], [0, 0.5]])
    assert len(context) == 2 * 4 + 3 * (MAX_COUNT + 1) + 2 * 3
    numbers, expected_numbers = context[8 : 8 + 2 * (MAX_COUNT + 1)].reshape(2, MAX_COUNT + 1)
    assert numbers.tolist() == [0.5, 0, 0.5] + [0] * (MAX_COUNT - 2)
    assert expected_numbers.tolist() == [0.25, 0.25, 0.375, 0.125] + [0] * (MAX_COUNT - 3)
    assert context[-6:].tolist() == [1, 1, 1, 1, 0, 0.5]


def test_attention_can_look_up_the_first_kind_that_is_there():
    layer = CountingAttention()
    attend(layer, [[0, 0]] * 4)
    layer.kind_scores.kernel.assign(np.zeros_like(layer.kind_scores.kernel))
    layer.kind_scores.bias.assign([0, 0, 0, 300, 0, 200, 0, 100])
    queries, keys, values = np.ones((1, 1, 1, 5)), np.ones((1, 2, 4, 2)), np.zeros((1, 2, 2, 4))
    counts = np.asarray([[[7, 7], [0, 0.3], [4, 4], [3, 3]]], "float32")
    context, _, kinds = layer(queries, keys, values, counts)
    np.testing.assert_allclose(kinds[0, 0, 0], [0, 0, 1, 0], atol=1e-6)
    behind = np.asarray(context)[0, 0, 0, 8 + 2 * (MAX_COUNT + 1) :][: MAX_COUNT + 1]
    np.testing.assert_allclose(behind, [0, 1] + [0] * (MAX_COUNT - 1), atol=1e-6)


def test_another_fruit_only_appends_to_the_context():
    old, new = CountingAttention(), CountingAttention()
    before = attend(old, [[2, 1.5], [1, 3]])
    attend(new, [[0, 0]] * 3)
    for name in ("query", "kind_scores"):
        for weight, value in zip(
            getattr(new, name).weights, getattr(old, name).weights, strict=True
        ):
            added = np.subtract(weight.shape, value.shape)
            weight.assign(np.pad(value, [(0, number) for number in added]))
    new.kind_scores.bias.assign([*old.kind_scores.bias.numpy(), -100, 0])
    after = attend(new, [[2, 1.5], [1, 3], [0, 0]])
    np.testing.assert_allclose(after[:-2], before, atol=1e-6)
    assert after[-2:].tolist() == [0, 0]


def test_number_line_splits_a_number_between_its_neighbors():
    line = np.asarray(number_line(keras.ops.array([[0.0, 2.25], [3.0, MAX_COUNT + 7.5]])))
    assert line.shape == (2, 2, MAX_COUNT + 1)
    assert line[0, 0].tolist() == [1.0] + [0.0] * MAX_COUNT
    assert line[0, 1].tolist() == [0.0, 0.0, 0.75, 0.25] + [0.0] * (MAX_COUNT - 3)
    assert line[1, 0].tolist() == [0.0, 0.0, 0.0, 1.0] + [0.0] * (MAX_COUNT - 3)
    assert line[1, 1].tolist() == [0.0] * MAX_COUNT + [1.0]


def test_attention_passes_on_the_mask_of_its_queries():
    words = keras.Input((None, None), dtype="int32")
    embedded = keras.layers.Embedding(9, 4, mask_zero=True)(words)
    keys, values = keras.Input((2, 4, 5)), keras.Input((2, 5, 4))
    context, _, _ = CountingAttention()(embedded, keys, values, keras.Input((1, 2)))
    assert context._keras_mask is not None


def test_the_lstm_starts_with_a_long_memory():
    layer = QuestionLSTM(6)
    layer(floats(1, 1, 2, 5), *[np.zeros((1, 1, 6), "float32")] * 2)
    gates = layer.lstm.cell.bias.numpy().reshape(4, 6)
    assert gates[1].tolist() == [FORGET_BIAS] * 6
    assert not gates[[0, 2, 3]].any()


def test_questions_are_independent():
    layer = QuestionLSTM(6)
    words, state_h, state_c = floats(2, 3, 4, 5), floats(2, 1, 6), floats(2, 1, 6)
    together, last_h, last_c = layer(words, state_h, state_c)
    alone, h, c = layer.lstm(words[1, 2:3], initial_state=[state_h[1], state_c[1]])
    np.testing.assert_allclose(together[1, 2], alone[0], atol=1e-6)
    np.testing.assert_allclose(last_h[1, 2], h[0], atol=1e-6)
    np.testing.assert_allclose(last_c[1, 2], c[0], atol=1e-6)


def test_padding_keeps_the_state_of_the_last_word():
    layer = QuestionLSTM(6)
    words, state = floats(1, 1, 4, 5), np.zeros((1, 1, 6), "float32")
    mask = np.array([[[True, True, False, False]]])
    padded, padded_h, _ = layer(words, state, state, words_mask=mask)
    short, short_h, _ = layer(words[:, :, :2], state, state)
    np.testing.assert_allclose(padded_h, short_h, atol=1e-6)
    np.testing.assert_allclose(padded[:, :, -1], short[:, :, -1], atol=1e-6)


def test_single_steps_equal_a_whole_sequence():
    layer = QuestionLSTM(6)
    words = floats(1, 2, 3, 5)
    state_h = state_c = np.zeros((1, 1, 6), "float32")
    sequence, *_ = layer(words, state_h, state_c)
    for step in range(3):
        output, state_h, state_c = layer(words[:, :, step : step + 1], state_h, state_c)
        np.testing.assert_allclose(output[:, :, 0], sequence[:, :, step], atol=1e-6)
