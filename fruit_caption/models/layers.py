"""The parts of the decoder that Keras does not have: an attention that can count, an LSTM that
reads several questions about one photo, and the loss that teaches the eye where fruits lie.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

MOST = 20  # The last place of the number line; whatever is more counts as this many.

Tensor = Any  # symbolic while a model is built, then the backend's
Shape = tuple[int | None, ...]


def number_line(numbers: Tensor) -> Tensor:
    """Where numbers lie between 0 and `MOST`, (...) to (..., MOST + 1).

    A decoder picks a word for a count by its place, but one large number in a vector is a slope,
    not a place: along it, another word is right at every half. So a number lights the whole
    numbers next to it, each by how near it is: 2.25 lights 2 with 0.75 and 3 with 0.25 (Zhang et
    al. 2018, section 4.3).
    """
    places = ops.arange(MOST + 1, dtype=numbers.dtype)
    return ops.relu(1 - ops.abs(ops.expand_dims(ops.minimum(numbers, MOST), -1) - places))


@keras.saving.register_keras_serializable("fruit_caption")
class CountingAttention(layers.Layer):
    """Looks at the regions of a photo in two ways at once, for all decoder steps together.

    A softmax over the regions averages what they hold: it tells what is there and where, but one
    apple and two apples give the same average (Zhang et al. 2018, "Learning to Count Objects in
    Natural Images for Visual Question Answering"). So a second look opens or closes each region
    by itself, with a sigmoid, and adds up what it lets through: that grows with every apple.
    Where each kind has been counted already, as density maps do, a third look lets those counts
    through that the question is about, and puts their sum on a number line. Scores are scaled dot
    products (Vaswani et al. 2017), which on a CPU cost a fraction of the additive scores of Show,
    Attend and Tell (Xu et al. 2015).
    Keys and values are the photo's, not a step's: they are worked out before, once.

    Call arguments:
        queries: the decoder's states, (batch, questions, steps, units).
        keys: what each region is found by, (batch, 2, channels, regions): once for the average
            and once for the sum.
        values: what each region holds, (batch, 2, regions, channels), likewise.
        counts: of each kind in the whole photo, (batch, kinds).

    Returns:
        what was seen, (batch, questions, steps, 2 * channels + MOST + 1 + kinds): the average, the
            sum, the place on the number line of the sum of the counts that were let through, and
            those counts: last, so that a model that learns more kinds can be grown at the end;
        where it looked, (batch, questions, steps, regions): the softmax weights.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(
        self, queries_shape: Shape, keys_shape: Shape, values_shape: Shape, counts_shape: Shape
    ) -> None:
        """Make the layers that choose regions and kinds, and the bias of the gates."""
        units, channels, regions = queries_shape[-1], keys_shape[2] or 0, keys_shape[3] or 100
        self.query = layers.Dense(2 * channels, name="query")
        self.query.build((None, units))
        self.kind = layers.Dense(counts_shape[-1], activation="sigmoid", name="kind")
        self.kind.build((None, units))
        # Gates start nearly shut, so that a sum over all regions starts about as large as one.
        self.gate_bias = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(-(float(regions) ** 0.25)),
            name="gate_bias",
        )

    def call(
        self, queries: Tensor, keys: Tensor, values: Tensor, counts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Look for all steps of all questions at once; see the class for the shapes."""
        batch, questions, steps, units = ops.shape(queries)
        flat = ops.reshape(queries, (batch, questions * steps, units))
        _, looks, channels, regions = ops.shape(keys)
        wanted = ops.reshape(self.query(flat), (batch, questions * steps, looks, channels))
        # Both looks in one product each: keys and values, large as they are, are never copied.
        scores = ops.matmul(ops.swapaxes(wanted, 1, 2), keys) / keys.shape[2] ** 0.5
        average, total = ops.unstack(scores, axis=1)
        weights, gates = ops.softmax(average), ops.sigmoid(total + self.gate_bias)
        found = ops.matmul(ops.stack([weights, gates], axis=1), values)
        found = ops.reshape(ops.swapaxes(found, 1, 2), (batch, questions * steps, looks * channels))
        wanted_counts = ops.expand_dims(counts, 1) * self.kind(flat)
        number = number_line(ops.sum(wanted_counts, axis=-1))
        seen = ops.concatenate([found, number, wanted_counts], axis=-1)
        return (
            ops.reshape(seen, (batch, questions, steps, seen.shape[-1])),
            ops.reshape(weights, (batch, questions, steps, regions)),
        )

    def compute_mask(self, queries: Tensor, mask: Any = None, **_: Any) -> tuple[Any, None]:
        """What was seen is masked as the queries are; where it looked is not."""
        return (mask[0] if isinstance(mask, list | tuple) else mask), None

    def compute_output_shape(
        self, queries_shape: Shape, keys_shape: Shape, values_shape: Shape, counts_shape: Shape
    ) -> tuple[Shape, Shape]:
        """The shapes of what was seen and of where it looked."""
        steps = queries_shape[:-1]
        seen = 2 * (values_shape[-1] or 0) + MOST + 1 + (counts_shape[-1] or 0)
        return (*steps, seen), (*steps, keys_shape[-1])


@keras.saving.register_keras_serializable("fruit_caption")
class QuestionLSTM(layers.Layer):
    """An LSTM that reads several questions about each photo.

    The photo is looked at once however many questions are asked: only the words have the extra
    dimension. Padding is skipped, so that the last step holds the state after the last word.

    Args:
        units: of the LSTM.

    Call arguments:
        words: (batch, questions, steps, embedding), with their padding masked.
        state_h, state_c: where to start, (batch, questions or 1, units); 1 starts all questions
            of a photo from the same state.

    Returns:
        the states after every word, (batch, questions, steps, units), and the last two states,
        each (batch, questions, units).
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.units = units

    def build(self, words_shape: Shape, state_h_shape: Shape, state_c_shape: Shape) -> None:
        """Make the LSTM, for embeddings as long as those of the words."""
        self.lstm = layers.LSTM(self.units, return_sequences=True, return_state=True, name="lstm")
        self.lstm.build((None, None, words_shape[-1]))

    def call(
        self, words: Tensor, state_h: Tensor, state_c: Tensor, words_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Read all questions about all photos at once; see the class for the shapes."""
        batch, questions, steps, embedding = ops.shape(words)
        states = [self._per_question(state, batch, questions) for state in (state_h, state_c)]
        sequence, state_h, state_c = self.lstm(
            ops.reshape(words, (batch * questions, steps, embedding)),
            initial_state=states,
            mask=None
            if words_mask is None
            else ops.reshape(words_mask, (batch * questions, steps)),
        )
        return (
            ops.reshape(sequence, (batch, questions, steps, self.units)),
            ops.reshape(state_h, (batch, questions, self.units)),
            ops.reshape(state_c, (batch, questions, self.units)),
        )

    def compute_mask(self, words: Tensor, mask: Any = None, **_: Any) -> tuple[Any, None, None]:
        """The states after every word are masked as the words are; the last two are not."""
        return (mask[0] if isinstance(mask, list | tuple) else mask), None, None

    def compute_output_shape(
        self, words_shape: Shape, state_h_shape: Shape, state_c_shape: Shape
    ) -> tuple[Shape, Shape, Shape]:
        """The shapes of the states after every word, and of the last two."""
        state = (*words_shape[:2], self.units)
        return (*words_shape[:-1], self.units), state, state

    def get_config(self) -> dict[str, Any]:
        """What the layer is made of, for a saved model: the units, and what Keras adds."""
        return super().get_config() | {"units": self.units}

    def _per_question(self, state: Tensor, batch: Any, questions: Any) -> Tensor:
        spread = ops.broadcast_to(state, (batch, questions, self.units))
        return ops.reshape(spread, (batch * questions, self.units))


@keras.saving.register_keras_serializable("fruit_caption")
class DensityLoss(keras.losses.Loss):
    """Poisson's negative log-likelihood of density maps, summed over a photo.

    The truth is a blob of sum 1 for each box, so a map's sum is a count ("Learning To Count
    Objects in Images", Lempitsky & Zisserman 2010). A kind of which the photo's boxes prove
    nothing has -1 everywhere in the truth, and costs nothing.

    Both maps are (batch, rows, columns, kinds); the loss is one number a photo.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The loss of each photo, (batch,)."""
        known = ops.cast(y_true >= 0, y_pred.dtype)
        loss = y_pred - y_true * ops.log(y_pred + 1e-6)
        return ops.sum(known * loss, axis=(1, 2, 3))
