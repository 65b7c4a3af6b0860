"""The captioner: one functional Keras model from pixels and tokens to next-token logits.

    pixels -> encoder -> neck -> density maps, initial LSTM state, attention keys and values
    words, neck outputs, LSTM state -> decoder -> logits of the next word

The decoder reads `question <answer> answer <end>` as one sequence; captioning is answering the
question "describe the photo". The LSTM starts from the mean of the image features (Show and Tell,
Vinyals et al. 2015); with attention, every step also attends to the feature grid (see
`layers.CountingAttention`).
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
from fruit_caption.models.decoding import Arrays, EncodeFn
from fruit_caption.models.encoders import build_encoder_parts, join_parts
from fruit_caption.models.layers import CountingAttention, QuestionLSTM
from fruit_caption.models.surgery import fuse_batch_norm

DILATIONS = (1, 2, 3)
"""Dilation rate of each residual block of the neck. A fruit may fill a third of the photo but
must be counted once, so each cell needs a receptive field of many cells; two undilated 3 x 3
convolutions were too narrow."""


@keras.saving.register_keras_serializable("fruit_caption")
class Captioner(keras.Model):
    """Visual question answering model for photos of fruit.

    An image encoder, a convolutional neck that predicts one density map per kind of fruit, and an
    LSTM decoder, joined in one functional model. Inputs and outputs are dictionaries:

    - `pixels`: uint8 (batch, size, size, 3).
    - `words`: int32 (batch, questions, steps), token ids padded with zeros.
    - `logits`: float (batch, questions, steps, vocabulary size), for the word after each step.
    - `density`: float (batch, rows, columns, fruits). The sum of a map is a count.

    The models in the attributes share its layers. They are for training on cached features and for
    decoding word by word.

    Args:
        config: `ModelConfig`, or its JSON form.
        words: Words of the vocabulary, without the special tokens.
        fruits: Kinds of fruit, in the order of the density maps. Without any, the model has one
            density map that is not trained.
        confidence_threshold: Confidence, 0 to 1, below which an answer is more likely wrong than
            right. `calibration.fit_confidence_threshold` finds it.
        name: Name of the model.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        encoder: Model from pixels to features (batch, rows, columns, channels).
        frozen_encoder: Frozen part of the encoder, from pixels; its outputs can be cached. None if
            the whole encoder is trainable.
        trainable_encoder: Trainable part of the encoder, from the outputs of `frozen_encoder` (or
            from pixels) to features. None if the whole encoder is frozen.
        neck: Model from features to `density`, `counts` (batch, fruits), the initial LSTM state
            `state_h` and `state_c` (batch, 1, units), and with attention `keys` (batch, 2,
            channels, regions) and `values` (batch, 2, regions, channels).
        decoder: Model from `words`, `state_h`, `state_c`, and with attention `keys`, `values` and
            `counts`, to `logits`, the new state, and with attention `attention` (batch,
            questions, steps, regions).
        step_decoder: The decoder with outputs for the last word only.
        training_model: All trainable parts as one model, from `words`, and `features` of
            `frozen_encoder` or `pixels`, to `logits` and `density`.
        config: The `ModelConfig`.
        vocabulary: The `Vocabulary`.
        fruits: The kinds of fruit.
        confidence_threshold: See above.

    Raises:
        WeightsError: The encoder is unknown, or its weights can't be loaded.

    Example:
        model = Captioner(ModelConfig("scratch", "none"), ["how", "many", "apples"], ["apple"])
        outputs = model.predict({"pixels": pixels, "words": words})
        counts = outputs["density"].sum(axis=(1, 2))  # (batch, fruits)
    """

    def __init__(
        self,
        config: ModelConfig | dict[str, Any],
        words: Sequence[str],
        fruits: Sequence[str],
        confidence_threshold: float = 0.0,
        name: str = "captioner",  # Keras would append a counter
        **kwargs: Any,
    ) -> None:
        if isinstance(config, dict):
            config = ModelConfig.from_json(config)
        vocabulary = Vocabulary(words)
        parts = build_encoder_parts(
            config.encoder, config.image_size, config.encoder_weights, config.unfreeze
        )
        encoder, (frozen, trainable) = join_parts(parts), parts
        neck = _build_neck(config, encoder.output_shape[1:], max(1, len(fruits)))
        decoder = _build_decoder(config, len(vocabulary), neck)
        training_model = _build_training_model(trainable, neck, decoder)

        size = config.image_size
        pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
        tokens = keras.Input((None, None), dtype="int32", name="words")
        image = {"features": frozen(pixels)} if frozen else {"pixels": pixels}
        outputs = training_model(image | {"words": tokens})
        super().__init__({"pixels": pixels, "words": tokens}, outputs, name=name, **kwargs)

        self.encoder, self.frozen_encoder, self.trainable_encoder = encoder, frozen, trainable
        self.neck, self.decoder, self.training_model = neck, decoder, training_model
        self.step_decoder = build_step_decoder(decoder)
        self.config, self.vocabulary, self.fruits = config, vocabulary, tuple(fruits)
        self.confidence_threshold = confidence_threshold

    @property
    def image_size(self) -> int:
        """Side of the input image in pixels."""
        return self.config.image_size

    @property
    def decoder_inputs(self) -> tuple[str, ...]:
        """Names of the neck outputs that every decoder step needs."""
        return tuple(name for name in self.decoder.input if name != "words")

    def encoder_fn(self) -> EncodeFn:
        """Return a function from pixels to neck outputs.

        It uses a copy of the encoder with fused batch normalization, which is faster. Later
        changes of the encoder's weights do not affect it.
        """
        encoder = fuse_batch_norm(self.encoder)
        return lambda pixels: self.encode_features(encoder.predict_on_batch(pixels))

    def encode_features(self, features: np.ndarray) -> Arrays:
        """Return the neck outputs for encoder features (batch, rows, columns, channels)."""
        return self.neck.predict_on_batch(features)

    def to_device(self, arrays: Arrays) -> Arrays:
        """Convert arrays to tensors, so that they are not copied again at every step."""
        return {name: ops.convert_to_tensor(array) for name, array in arrays.items()}

    def decode_step(self, inputs: Mapping[str, np.ndarray]) -> Arrays:
        """Run the decoder and return its outputs for the last word, see `decoding.Runtime`."""
        # PyTorch takes tensors or arrays, but not both.
        tensors = {name: ops.convert_to_tensor(array) for name, array in inputs.items()}
        return self.step_decoder.predict_on_batch(tensors)

    def set_temperature(self, temperature: float) -> None:
        """Divide all logits by a temperature (temperature scaling, Guo et al. 2017).

        The division is folded into the weights of the last layer. Greedy answers stay the same;
        their confidence changes.
        """
        logits = self.decoder.get_layer("logits")
        logits.set_weights([weight / temperature for weight in logits.get_weights()])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON values."""
        config = self.config.to_json()
        # The saved file holds the encoder's weights. "none" must stay: with it nothing is frozen.
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
        """Build a model from the output of `get_config`."""
        return cls(**config)


def _build_neck(config: ModelConfig, grid: tuple[int, int, int], num_fruits: int) -> keras.Model:
    features = keras.Input(grid, name="features")
    x = layers.BatchNormalization(momentum=0.9, name="neck_norm")(features)
    x = layers.SpatialDropout2D(config.dropout, name="neck_dropout")(x)
    x = layers.Conv2D(config.channels, 1, name="neck_project")(x)
    for dilation in DILATIONS:
        x = _residual_block(x, dilation, f"neck_block{dilation}")
    x = _norm_relu(x, "neck_output")

    # Density is factored into the amount of all fruit and the share of each, so that all photos
    # train counting; few photos show any one fruit.
    amount = layers.Conv2D(
        1,
        1,
        activation="softplus",
        # Starts at about one fruit per photo.
        bias_initializer=keras.initializers.Constant(-6.0),
        name="amount",
    )(x)
    # A softmax over a single fruit has no gradient.
    activation = "softmax" if num_fruits > 1 else "sigmoid"
    share = layers.Conv2D(num_fruits, 1, activation=activation, name="fruit_share")(x)
    density = layers.Multiply(name="density")([amount, share])

    regions = layers.Reshape((grid[0] * grid[1], config.channels), name="regions")(x)
    mean = layers.GlobalAveragePooling1D(name="mean_region")(regions)
    counts = ops.sum(density, axis=(1, 2))
    image = layers.Concatenate(name="image_vector")([mean, counts])
    image = layers.Dropout(config.dropout, name="image_dropout")(image)
    outputs = {"density": density, "counts": counts}
    for name in ("state_h", "state_c"):
        state = layers.Dense(config.units, activation="tanh", name=f"{name}_project")(image)
        outputs[name] = layers.Reshape((1, config.units), name=name)(state)
    if config.attention:
        # Projected here, once per photo, instead of in every decoder step.
        for name, order in (("keys", (2, 3, 1)), ("values", (2, 1, 3))):
            heads = layers.Dense(2 * config.channels, name=f"{name}_project")(regions)
            heads = layers.Reshape((-1, 2, config.channels), name=f"{name}_split")(heads)
            outputs[name] = layers.Permute(order, name=name)(heads)
    return keras.Model(features, outputs, name="neck")


def _residual_block(x: keras.KerasTensor, dilation: int, name: str) -> keras.KerasTensor:
    """Pre-activation residual block (He et al. 2016), dilated (Yu & Koltun 2016)."""
    channels = x.shape[-1]
    residual = _norm_relu(x, f"{name}_preact1")
    residual = layers.Conv2D(
        channels, 3, padding="same", dilation_rate=dilation, use_bias=False, name=f"{name}_conv1"
    )(residual)
    residual = _norm_relu(residual, f"{name}_preact2")
    residual = layers.Conv2D(channels, 1, name=f"{name}_conv2")(residual)
    return layers.Add(name=name)([x, residual])


def _norm_relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=name)(x)


def _build_decoder(config: ModelConfig, vocabulary_size: int, neck: keras.Model) -> keras.Model:
    inputs = {
        "words": keras.Input((None, None), dtype="int32", name="words"),
        "state_h": keras.Input((None, config.units), name="state_h"),
        "state_c": keras.Input((None, config.units), name="state_c"),
    }
    embedding = layers.Embedding(
        vocabulary_size, config.channels, mask_zero=True, name="token_embedding"
    )
    x, state_h, state_c = QuestionLSTM(config.units, name="lstm")(
        embedding(inputs["words"]), inputs["state_h"], inputs["state_c"]
    )
    outputs = {"state_h": state_h, "state_c": state_c}
    if config.attention:
        image = {
            name: keras.Input(neck.output[name].shape[1:], name=name)
            for name in ("keys", "values", "counts")
        }
        context, outputs["attention"] = CountingAttention(name="attention")(x, *image.values())
        inputs |= image
        x = layers.Concatenate(name="state_and_context")([x, context])
    x = layers.Dropout(config.dropout, name="output_dropout")(x)
    x = layers.Dense(config.units, activation="relu", name="output_dense")(x)
    outputs["logits"] = layers.Dense(vocabulary_size, name="logits")(x)
    return keras.Model(inputs, outputs, name="decoder")


def build_step_decoder(
    decoder: keras.Model, inputs: dict[str, keras.KerasTensor] | None = None
) -> keras.Model:
    """Return a decoder that shares the layers of another and predicts after the last word only.

    At inference only the prediction after the last prompt token matters, so attention and the
    output layers run on that step alone.

    Args:
        decoder: The decoder of a captioner.
        inputs: Input tensors of the new model. By default, new ones like those of `decoder`.
    """

    def call(layer: layers.Layer, *args: Any, **kwargs: Any) -> Any:
        outputs = layer(*args, **kwargs)
        if layer.name != "lstm":
            return outputs
        sequence, *states = outputs
        return (sequence[:, :, -1:], *states)

    return keras.models.clone_model(
        decoder, input_tensors=inputs, clone_function=lambda layer: layer, call_function=call
    )


def _build_training_model(
    trainable: keras.Model | None, neck: keras.Model, decoder: keras.Model
) -> keras.Model:
    [first] = (trainable or neck).inputs
    image = keras.Input(first.shape[1:], dtype=first.dtype, name=first.name)
    words = keras.Input((None, None), dtype="int32", name="words")
    encoding = neck(trainable(image) if trainable else image)
    inputs = encoding | {"words": words}
    decoded = decoder({name: inputs[name] for name in decoder.input})
    return keras.Model(
        {image.name: image, "words": words},
        {"logits": decoded["logits"], "density": encoding["density"]},
        name="training_model",
    )


def extend_vocabulary(
    model: Captioner, words: Sequence[str], fruits: Sequence[str], unfreeze: int
) -> Captioner:
    """Return a copy of a trained model with more words and kinds of fruit.

    New words and fruits are appended after the old ones, so every old weight keeps its position
    in a larger array. The added weights are initialized as in a new model.

    Args:
        model: A trained model.
        words: Words that the new model must know, in addition to those of `model`.
        fruits: Kinds of fruit that it must know, likewise.
        unfreeze: Number of the encoder's last stages that the new model trains.
    """
    extended = Captioner(
        replace(model.config, encoder_weights="saved", unfreeze=unfreeze),
        list(dict.fromkeys([*model.vocabulary.words, *words])),
        list(dict.fromkeys([*model.fruits, *fruits])),
    )
    for new, old in zip(extended.weights, model.weights, strict=True):
        values = np.array(new)
        values[tuple(slice(length) for length in old.shape)] = old
        new.assign(values)
    return extended
