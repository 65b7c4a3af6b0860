"""The unified model: one functional Keras model from pixels and words to words.

    pixels -> encoder -> eye -> density maps, the LSTM's first state, what attention looks at
    words, what the eye gave, state -> decoder -> the next words

The decoder reads `question <answer> answer <end>` as one sequence; a caption is the answer to one
more question. Its first state is the photo's mean (Show and Tell, Vinyals et al. 2015); with
attention every step also looks at the grid (see `attention.CountingAttention`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from fruit_caption.config import ModelConfig
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.decoding import EncodeFn, Encoding
from fruit_caption.models.encoders import encoder_parts, joined
from fruit_caption.models.layers import CountingAttention, QuestionLSTM
from fruit_caption.models.surgery import fuse_batch_norm

DILATIONS = (1, 2, 3)
"""Of the neck's blocks. A fruit may fill a third of the photo and counts once: each cell has to
know what lies some cells away, which two plain convolutions over 3 x 3 cells didn't show it."""


@keras.saving.register_keras_serializable("fruit_caption")
class Captioner(keras.Model):
    """A functional model that answers questions about photos, complete in itself.

    Inputs: `pixels` uint8 (batch, size, size, 3), `words` int32 (batch, questions, steps).
    Outputs: `logits` (batch, questions, steps, words known) for the word after each step,
    `density` (batch, rows, columns, fruits), whose sums are counts.

    Its parts are functional models too, for training on cached features and for answering word
    by word:

    Attributes:
        encoder: pixels -> features (batch, rows, columns, channels).
        frozen: what of the encoder is frozen, from pixels; what it sees may be kept. Or `None`.
        learning: what of it learns, from what `frozen` gives, or from pixels. Or `None`.
        eye: features -> `density`, its sums `counts` (batch, fruits), the states `state_h` and
            `state_c` (batch, 1, units) from which the LSTM starts, and with attention `keys`
            (batch, 2, channels, regions) and `values` (batch, 2, regions, channels).
        decoder: `words`, `state_h`, `state_c`, and with attention `keys`, `values` and `counts`
            -> `logits`, the new states, and with attention `looked` (batch, questions, steps,
            regions).
        head: all that learns: `words`, and `features` that `frozen` gives or `pixels`, -> what the
            whole model gives.
        speaker: the decoder once more, which gives what follows the last word only.
        config: its settings.
        vocabulary: the words it knows.
        fruits: the kinds it knows, in the order of the density maps.
        confidence_threshold: answers of which it is less sure than this are more likely wrong than right.

    Args:
        config: see `ModelConfig`.
        words: the vocabulary's words.
        fruits: the kinds of fruit that the data set knows of.
        confidence_threshold: 0 to 1, as `calibration.fit_confidence_threshold` finds it.

    Raises:
        WeightsError: there is no such encoder, or its weights can't be loaded.
    """

    def __init__(
        self,
        config: ModelConfig | dict[str, Any],
        words: Sequence[str],
        fruits: Sequence[str],
        confidence_threshold: float = 0.0,
        name: str = "captioner",  # Keras would count those of a process
        **kwargs: Any,
    ) -> None:
        if isinstance(config, dict):
            config = ModelConfig.from_json(config)
        vocabulary = Vocabulary(words)
        parts = encoder_parts(
            config.encoder, config.image_size, config.encoder_weights, config.unfreeze
        )
        encoder, (frozen, learning) = joined(parts), parts
        # Data without boxes leaves one density map, which nothing teaches.
        eye = _eye(config, encoder.output_shape[1:], max(1, len(fruits)))
        decoder = _decoder(config, len(vocabulary), eye)
        head = _head(learning, eye, decoder)

        pixels = keras.Input(
            (config.image_size, config.image_size, 3), dtype="uint8", name="pixels"
        )
        sequence = keras.Input((None, None), dtype="int32", name="words")
        seen = {"features": frozen(pixels)} if frozen else {"pixels": pixels}
        outputs = head(seen | {"words": sequence})
        super().__init__({"pixels": pixels, "words": sequence}, outputs, name=name, **kwargs)

        self.encoder, self.frozen_encoder, self.trainable_encoder = encoder, frozen, learning
        self.neck, self.decoder, self.training_model = eye, decoder, head
        self.step_decoder = after_last_word(decoder)
        self.config, self.vocabulary, self.fruits = config, vocabulary, tuple(fruits)
        self.confidence_threshold = confidence_threshold

    @property
    def image_size(self) -> int:
        """The side in pixels of what it looks at."""
        return self.config.image_size

    @property
    def decoder_inputs(self) -> tuple[str, ...]:
        """What of that which the eye gives each step of the decoder takes."""
        return tuple(name for name in self.decoder.input if name != "words")

    def encoder_fn(self) -> EncodeFn:
        """A function that looks at pixels with the weights of now, faster than `encoder` does."""
        encoder = fuse_batch_norm(self.encoder)
        return lambda pixels: self.encode_features(encoder.predict_on_batch(pixels))

    def encode_features(self, features: np.ndarray) -> Encoding:
        """What the eye gives for the encoder's features (photos, rows, columns, channels)."""
        seen: Encoding = self.neck.predict_on_batch(features)
        return seen

    def to_device(self, known: Encoding) -> Encoding:
        """The same as tensors, which need not be copied for every word."""
        return {name: ops.convert_to_tensor(array) for name, array in known.items()}

    def decode_step(self, known: Mapping[str, np.ndarray]) -> Encoding:
        """What the decoder gives after the last of `words`, see `decoding.Runtime.step`."""
        said: Encoding = self.step_decoder.predict_on_batch(dict(known))
        return said

    def set_temperature(self, temperature: float) -> None:
        """Divide the logits by a temperature: what it says stays the same, how sure it is not.

        Temperature scaling (Guo et al. 2017), worked into the weights of the last layer.
        """
        logits = self.decoder.get_layer("logits")
        logits.set_weights([weight / temperature for weight in logits.get_weights()])

    def get_config(self) -> dict[str, Any]:
        """What the model is made of, for a saved one: settings, words, fruits and confidence_threshold."""
        # Weights come from the saved file, wherever the encoder's came from at first; but what of
        # it is frozen, and so its parts, stays as it was.
        config = self.config.to_json()
        if self.config.encoder_weights != "none":
            config["encoder_weights"] = "saved"
        return {
            "name": self.name,
            "config": config,
            "words": list(self.vocabulary.words),
            "fruits": list(self.fruits),
            "confidence_threshold": self.confidence_threshold,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Captioner:
        """The model that `get_config` tells of; Keras fills its weights in after that."""
        return cls(**config)


def _eye(config: ModelConfig, grid: tuple[int, int, int], kinds: int) -> keras.Model:
    """The trained neck: features to regions, density maps and the decoder's first state."""
    features = keras.Input(grid, name="features")
    x = layers.BatchNormalization(momentum=0.9, name="neck_norm")(features)
    x = layers.SpatialDropout2D(config.dropout, name="neck_dropout")(x)
    x = layers.Conv2D(config.channels, 1, name="neck_project")(x)
    for dilation in DILATIONS:
        x = _widen(x, dilation, f"neck_{dilation}")
    x = _norm_relu(x, "neck_end")
    # How much of a fruit a cell holds, and of which kind: so all kinds together teach counting, of
    # which no kind alone has many photos to learn from.
    fruit = layers.Conv2D(
        1,
        1,
        activation="softplus",
        # At first about one fruit in the whole photo.
        bias_initializer=keras.initializers.Constant(-6.0),
        name="fruit",
    )(x)
    # A softmax over one kind would not learn.
    share = "softmax" if kinds > 1 else "sigmoid"
    kind = layers.Conv2D(kinds, 1, activation=share, name="kind")(x)
    density = layers.Multiply(name="density")([fruit, kind])
    regions = layers.Reshape((grid[0] * grid[1], config.channels), name="regions")(x)
    mean = layers.GlobalAveragePooling1D(name="mean")(regions)
    counts = ops.sum(density, axis=(1, 2))
    photo = layers.Concatenate(name="photo")([mean, counts])
    photo = layers.Dropout(config.dropout, name="photo_dropout")(photo)
    states = {
        name: layers.Reshape((1, config.units), name=name)(
            layers.Dense(config.units, activation="tanh", name=f"{name}_project")(photo)
        )
        for name in ("state_h", "state_c")
    }
    outputs = {"density": density, "counts": counts, **states}
    if config.attention:
        # Here and not in the decoder, which would work them out anew for every word.
        for name, order in (("keys", (2, 3, 1)), ("values", (2, 1, 3))):
            both = layers.Dense(2 * config.channels, name=f"{name}_project")(regions)
            both = layers.Reshape((-1, 2, config.channels), name=f"{name}_apart")(both)
            outputs[name] = layers.Permute(order, name=name)(both)
    return keras.Model(features, outputs, name="eye")


def _widen(x: keras.KerasTensor, dilation: int, name: str) -> keras.KerasTensor:
    """A residual block (He et al. 2016) that sees cells `dilation` apart (Yu & Koltun 2016)."""
    channels = x.shape[-1]
    new = _norm_relu(x, f"{name}_in")
    new = layers.Conv2D(
        channels, 3, padding="same", dilation_rate=dilation, use_bias=False, name=f"{name}_look"
    )(new)
    new = _norm_relu(new, f"{name}_looked")
    new = layers.Conv2D(channels, 1, name=f"{name}_blend")(new)
    return layers.Add(name=name)([x, new])


def _norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=name)(x)


def _decoder(config: ModelConfig, words_known: int, eye: keras.Model) -> keras.Model:
    """Words, what the eye saw and the LSTM's state, to the next words and the new state."""
    inputs = {
        "words": keras.Input((None, None), dtype="int32", name="words"),
        "state_h": keras.Input((None, config.units), name="state_h"),
        "state_c": keras.Input((None, config.units), name="state_c"),
    }
    embed = layers.Embedding(words_known, config.channels, mask_zero=True, name="embed")
    spoken, new_h, new_c = QuestionLSTM(config.units, name="speak")(
        embed(inputs["words"]), inputs["state_h"], inputs["state_c"]
    )
    outputs = {"state_h": new_h, "state_c": new_c}
    if config.attention:
        given = {
            name: keras.Input(eye.output[name].shape[1:], name=name)
            for name in ("keys", "values", "counts")
        }
        seen, outputs["looked"] = CountingAttention(name="attend")(spoken, *given.values())
        inputs |= given
        spoken = layers.Concatenate(name="spoken_and_seen")([spoken, seen])
    spoken = layers.Dropout(config.dropout, name="word_dropout")(spoken)
    spoken = layers.Dense(config.units, activation="relu", name="blend")(spoken)
    outputs["logits"] = layers.Dense(words_known, name="logits")(spoken)
    return keras.Model(inputs, outputs, name="decoder")


def after_last_word(
    decoder: keras.Model, inputs: dict[str, keras.KerasTensor] | None = None
) -> keras.Model:
    """A decoder, by the same layers, that tells only what follows the last word.

    Who speaks has read a whole question before the first word that matters: what would follow each
    word of the question, and where one would look for it, need not be worked out.

    Args:
        decoder: of a captioner.
        inputs: to call it with; new ones like its own, if there are none.
    """

    def call(layer: layers.Layer, *given: Any, **how: Any) -> Any:
        said = layer(*given, **how)
        if layer.name != "speak":
            return said
        spoken, *states = said
        return (spoken[:, :, -1:], *states)

    return keras.models.clone_model(
        decoder, input_tensors=inputs, clone_function=lambda layer: layer, call_function=call
    )


def _head(learning: keras.Model | None, eye: keras.Model, decoder: keras.Model) -> keras.Model:
    """All that learns as one model, from pixels or features, and words, to logits and maps."""
    [first] = (learning or eye).inputs
    seen = keras.Input(first.shape[1:], dtype=first.dtype, name=first.name)
    words = keras.Input((None, None), dtype="int32", name="words")
    known = eye(learning(seen) if learning else seen) | {"words": words}
    spoken = decoder({name: known[name] for name in decoder.input})
    return keras.Model(
        {seen.name: seen, "words": words},
        {"logits": spoken["logits"], "density": known["density"]},
        name="head",
    )


def extend_vocabulary(
    model: Captioner, words: Sequence[str], fruits: Sequence[str], unfreeze: int
) -> Captioner:
    """The same model with room for more: what it knew before it still knows.

    New words and fruits come after the old ones, so that every weight lies where it lay, at the
    start of a larger one; the rest starts at random, as in a new model.

    Args:
        model: a trained model.
        words: that it must know; those that it has are kept in their places.
        fruits: likewise.
        unfreeze: how many of the encoder's last stages learn from now on.
    """
    grown = Captioner(
        replace(model.config, encoder_weights="saved", unfreeze=unfreeze),
        list(dict.fromkeys([*model.vocabulary.words, *words])),
        list(dict.fromkeys([*model.fruits, *fruits])),
    )
    for new, old in zip(grown.weights, model.weights, strict=True):
        values = np.array(new)
        values[tuple(slice(length) for length in old.shape)] = old
        new.assign(values)
    return grown
