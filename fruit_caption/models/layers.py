"""The layers of the decoder: counting attention, and an LSTM for several questions per photo."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

MAX_COUNT = 20
"""Last place of the number line; larger numbers are clipped to it."""

FORGET_BIAS = 3.0
"""Initial bias of the LSTM's forget gates. With Keras's 1, a gate keeps 73 % of a state at every
step; the name of a fruit is then all but forgotten when the answer begins, and the decoder takes up
to twice as many steps to learn to read it (Jozefowicz et al. 2015, "An Empirical Exploration of
Recurrent Network Architectures")."""

Tensor = Any  # symbolic while a model is built, then the backend's
Shape = tuple[int | None, ...]


def number_line(numbers: Tensor) -> Tensor:
    """Encode numbers as soft one-hot vectors, (...) to (..., MAX_COUNT + 1).

    A linear layer can pick a word for a count from a one-hot vector, but hardly from one large
    number. Each number is split between its two neighboring integers by distance: 2.25 gives 0.75
    at 2 and 0.25 at 3 (Zhang et al. 2018, section 4.3).
    """
    places = ops.arange(MAX_COUNT + 1, dtype=numbers.dtype)
    return ops.relu(1 - ops.abs(ops.expand_dims(ops.minimum(numbers, MAX_COUNT), -1) - places))


@keras.saving.register_keras_serializable("fruit_caption")
class CountingAttention(layers.Layer):
    """Attention over the regions of a photo that can count, for all decoder steps at once.

    A softmax averages over regions: it tells what is there and where, but one apple and two
    apples give the same average (Zhang et al. 2018, "Learning to Count Objects in Natural Images
    for Visual Question Answering"). The layer therefore combines five readings:

    - the softmax average of the values;
    - a sum of the values, gated per region by a sigmoid, which grows with every apple;
    - the detector's counts as number lines, averaged by a softmax over the kinds of fruit: a step
      looks up the number of one kind, or of all fruits. A score depends on whether the kind is
      there, so that a step of a list can look up the next one that is;
    - how many kinds that are there come behind the one looked up: whether a list goes on with a
      comma or with "and", or ends;
    - for each kind, whether it is there.

    Scores are scaled dot products (Vaswani et al. 2017). On a CPU they cost a fraction of the
    additive scores of Show, Attend and Tell (Xu et al. 2015). Keys and values depend on the photo
    alone and are computed once, outside the layer.

    Call arguments:
        queries: Decoder states, (batch, questions, steps, units).
        keys: Keys of the two heads (average and sum), (batch, 2, channels, regions).
        values: Values of the two heads, (batch, 2, regions, channels).
        counts: Number of fruits in the whole photo, and the expected number, in all and of each
            kind, (batch, 1 + fruits, 2), see `detector.PeakCounts`.

    Returns:
        A tuple of the context, the attention weights over regions, and those over kinds. The
        context, (batch, questions, steps, 2 * channels + 3 * (MAX_COUNT + 1) + 2 * (1 + fruits)),
        concatenates the average, the sum, the number lines of the number, the expected number and
        the kinds behind, and the counts limited to 1, row by row; these are last so that
        `extend_vocabulary` can append fruits. The weights are (batch, questions, steps, regions)
        and (batch, questions, steps, 1 + fruits).
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(
        self, queries_shape: Shape, keys_shape: Shape, values_shape: Shape, counts_shape: Shape
    ) -> None:
        """Create the projections to queries and to scores of the kinds, and the gate bias."""
        units, channels, regions = queries_shape[-1], keys_shape[2] or 0, keys_shape[3] or 100
        rows = counts_shape[1] or 1
        self.query = layers.Dense(2 * channels, name="query")
        self.query.build((None, units))
        # Of a kind in any photo, and what its presence adds; in this order, kinds can be appended.
        self.kind_scores = layers.Dense(2 * rows, name="kind_scores")
        self.kind_scores.build((None, units))
        # Gates start nearly closed, so that the sum over all regions is about as large as one.
        self.gate_bias = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(-(float(regions) ** 0.25)),
            name="gate_bias",
        )

    def call(
        self, queries: Tensor, keys: Tensor, values: Tensor, counts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Attend for all steps of all questions; see the class for the shapes."""
        batch, questions, steps, units = ops.shape(queries)
        flat = ops.reshape(queries, (batch, questions * steps, units))
        pooled, weights = self._read_regions(flat, keys, values)
        looked_up, kinds = self._look_up_kinds(flat, counts)
        outputs = ops.concatenate([pooled, looked_up], axis=-1), weights, kinds
        context, weights, kinds = (
            ops.reshape(output, (batch, questions, steps, output.shape[-1])) for output in outputs
        )
        return context, weights, kinds

    def _read_regions(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """The average and the sum over regions, and the weights of the average."""
        batch, heads, channels, _ = ops.shape(keys)
        steps = ops.shape(queries)[1]
        query = ops.reshape(self.query(queries), (batch, steps, heads, channels))
        # One product for both heads, so that the large keys and values are not copied.
        scores = ops.matmul(ops.swapaxes(query, 1, 2), keys) / keys.shape[2] ** 0.5
        average_scores, sum_scores = ops.unstack(scores, axis=1)
        weights, gates = ops.softmax(average_scores), ops.sigmoid(sum_scores + self.gate_bias)
        pooled = ops.matmul(ops.stack([weights, gates], axis=1), values)
        return ops.reshape(ops.swapaxes(pooled, 1, 2), (batch, steps, heads * channels)), weights

    def _look_up_kinds(self, queries: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """The part of the context that comes from the counts, and the attention to kinds."""
        batch, steps, _ = ops.shape(queries)
        _, rows, columns = counts.shape
        present = ops.minimum(counts, 1)
        is_there = ops.expand_dims(present[..., 0], 1)
        always, if_there = ops.unstack(
            ops.reshape(self.kind_scores(queries), (batch, steps, rows, 2)), axis=-1
        )
        kinds = ops.softmax(always + if_there * is_there)
        # Lines are averaged, not numbers: half of twelve bananas must not look like six apples.
        lines = ops.reshape(number_line(counts), (batch, rows, columns * (MAX_COUNT + 1)))
        is_behind = ops.cumsum(kinds, axis=-1) - kinds
        behind = number_line(ops.sum(is_behind * is_there, axis=-1))
        presence = ops.broadcast_to(
            ops.reshape(present, (batch, 1, rows * columns)), (batch, steps, rows * columns)
        )
        return ops.concatenate([ops.matmul(kinds, lines), behind, presence], axis=-1), kinds

    def compute_mask(self, queries: Tensor, mask: Any = None, **_: Any) -> tuple[Any, None, None]:
        """Return the mask of the queries for the context, and none for the weights."""
        return (mask[0] if isinstance(mask, list | tuple) else mask), None, None

    def compute_output_shape(
        self, queries_shape: Shape, keys_shape: Shape, values_shape: Shape, counts_shape: Shape
    ) -> tuple[Shape, Shape, Shape]:
        """Return the shapes of the context and the attention weights."""
        steps, kinds = queries_shape[:-1], counts_shape[1]
        size = 2 * (values_shape[-1] or 0) + 3 * (MAX_COUNT + 1) + 2 * (kinds or 0)
        return (*steps, size), (*steps, keys_shape[-1]), (*steps, kinds)


@keras.saving.register_keras_serializable("fruit_caption")
class QuestionLSTM(layers.Layer):
    """An LSTM over several questions per photo.

    It flattens photos and questions into one batch axis. Padding is masked, so the last step and
    the returned state are those after the last word.

    Args:
        units: Number of LSTM units.
        **kwargs: Passed to `keras.layers.Layer`.

    Call arguments:
        words: Word embeddings, (batch, questions, steps, embedding size), padding masked.
        state_h: Initial hidden state, (batch, questions or 1, units); 1 is broadcast to all
            questions of the photo.
        state_c: Initial cell state, likewise.

    Returns:
        A tuple of the hidden states after every word, (batch, questions, steps, units), and the
        final hidden and cell state, each (batch, questions, units).
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units

    def build(self, words_shape: Shape, state_h_shape: Shape, state_c_shape: Shape) -> None:
        """Create the inner LSTM."""
        self.lstm = layers.LSTM(
            self.units,
            bias_initializer=_initial_bias,
            unit_forget_bias=False,
            return_sequences=True,
            return_state=True,
            name="lstm",
        )
        self.lstm.build((None, None, words_shape[-1]))

    def call(
        self, words: Tensor, state_h: Tensor, state_c: Tensor, words_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Run the LSTM over all questions; see the class for the shapes."""
        batch, questions, steps, embedding = ops.shape(words)
        if words_mask is not None:
            words_mask = ops.reshape(words_mask, (batch * questions, steps))
        sequence, state_h, state_c = self.lstm(
            ops.reshape(words, (batch * questions, steps, embedding)),
            initial_state=[
                ops.reshape(
                    ops.broadcast_to(state, (batch, questions, self.units)),
                    (batch * questions, self.units),
                )
                for state in (state_h, state_c)
            ],
            mask=words_mask,
        )
        return (
            ops.reshape(sequence, (batch, questions, steps, self.units)),
            ops.reshape(state_h, (batch, questions, self.units)),
            ops.reshape(state_c, (batch, questions, self.units)),
        )

    def compute_mask(self, words: Tensor, mask: Any = None, **_: Any) -> tuple[Any, None, None]:
        """Return the mask of the words for the sequence, and none for the final states."""
        return (mask[0] if isinstance(mask, list | tuple) else mask), None, None

    def compute_output_shape(
        self, words_shape: Shape, state_h_shape: Shape, state_c_shape: Shape
    ) -> tuple[Shape, Shape, Shape]:
        """Return the shapes of the sequence and the two final states."""
        state = (*words_shape[:2], self.units)
        return (*words_shape[:-1], self.units), state, state

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return super().get_config() | {"units": self.units}


def _initial_bias(shape: tuple[int], dtype: str | None = None) -> Tensor:
    """Initial bias of the gates of an LSTM: input, forget, cell and output."""
    units = shape[0] // 4
    values = np.zeros(shape, "float32")
    values[units : 2 * units] = FORGET_BIAS
    return ops.convert_to_tensor(values, dtype)
