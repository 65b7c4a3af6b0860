"""The captioner: one functional Keras model from pixels and words to the next word.

    pixels -> encoder -> detector -> regions, centers and kinds of fruit, counts
    regions, counts -> connector -> initial LSTM state, attention keys and values
    words, connector outputs, counts, LSTM state -> decoder -> logits of the next word

Encoder and detector are the eye: they are trained on boxes. The decoder reads what they count. It
takes `question <answer> answer <end>` as one sequence; captioning is answering the question
"describe the photo". The LSTM starts from the mean of the image features (Show and Tell, Vinyals et
al. 2015); with attention, every step also attends to the image regions (see
`layers.CountingAttention`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from fruit_caption.config import CUSTOM_ENCODERS, SHIPPED, SHIPPED_NETWORK, ModelConfig
from fruit_caption.language.vocabulary import Vocabulary
from fruit_caption.models.decoding import Arrays, EncodeFn
from fruit_caption.models.detector import build_detector, pool_kinds
from fruit_caption.models.encoders import build_encoder
from fruit_caption.models.fusion import fuse_batch_norm
from fruit_caption.models.layers import CountingAttention, QuestionLSTM
from fruit_caption.utils.errors import WeightsError
from fruit_caption.utils.files import shipped_folder

NEW_KIND_SCORE = -10.0
"""Score of a new kind of fruit in the attention over kinds; those of a model are around zero."""


@keras.saving.register_keras_serializable("fruit_caption")
class Captioner(keras.Model):
    """Visual question answering model for photos of fruit.

    An image encoder, a detector that finds and counts fruits, and an LSTM decoder, joined in one
    functional model. Inputs and outputs are dictionaries:

    - `pixels`: uint8 (batch, size, size, 3).
    - `words`: int32 (batch, questions, steps), token ids padded with zeros.
    - `logits`: float (batch, questions, steps, vocabulary size), for the word after each step.
    - `center`, `kind`: see `detector.build_detector`.

    The models in the attributes share its layers.

    Args:
        config: `ModelConfig`, or its JSON form.
        words: Words of the vocabulary, without the special tokens.
        fruits: Kinds of fruit. Without any, the detector has one kind that is not trained.
        confidence_threshold: Confidence, 0 to 1, below which an answer is more likely wrong than
            right. `calibration.fit_confidence_threshold` finds it.
        name: Name of the model.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        encoder: Model from pixels to features, see `encoders`.
        detector: Model from features to regions and counts, see `detector.build_detector`.
        connector: Model from `regions` (batch, regions, channels) and `counts` (batch, 1 + fruits,
            2) to the initial LSTM state `state_h` and `state_c` (batch, 1, units), and with
            attention `keys` (batch, 2, channels, regions) and `values` (batch, 2, regions,
            channels).
        neck: Detector and connector as one model from features, with all outputs that are needed
            to answer questions.
        decoder: Model from `words`, `state_h`, `state_c`, and with attention `keys`, `values` and
            `counts`, to `logits`, the new state, and with attention `attention` (batch,
            questions, steps, regions) and `kind_attention` (batch, questions, steps, 1 + fruits).
        step_decoder: The decoder with outputs for the last word only.
        config: The `ModelConfig`.
        vocabulary: The `Vocabulary`.
        fruits: The kinds of fruit.
        confidence_threshold: See above.

    Raises:
        WeightsError: The encoder is unknown, or its weights can't be loaded.

    Example:
        model = Captioner(ModelConfig("scratch", "none"), ["how", "many", "apples"], ["apple"])
        outputs = model.predict({"pixels": pixels, "words": words})
        outputs["logits"]  # (batch, questions, steps, vocabulary size)
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
        weights = config.encoder_weights
        encoder = build_encoder(
            config.encoder,
            config.image_size,
            "saved" if weights == SHIPPED else weights,
            config.freeze,
        )
        if weights == SHIPPED:
            _copy_shipped_weights(encoder, config.encoder)
        detector = build_detector(config, encoder, max(1, len(fruits)))
        connector = _build_connector(config, detector)
        decoder = _build_decoder(config, len(vocabulary), detector, connector)

        tokens = keras.Input((None, None), dtype="int32", name="words")
        detected = detector(encoder.output)
        outputs = {
            "logits": _decode(connector, decoder, detected, tokens)["logits"],
            "center": detected["center"],
            "kind": detected["kind"],
        }
        super().__init__({"pixels": encoder.input, "words": tokens}, outputs, name=name, **kwargs)

        self.encoder, self.detector, self.connector = encoder, detector, connector
        self.neck, self.decoder = _build_neck(detector, connector), decoder
        self.step_decoder = build_step_decoder(decoder)
        self.config, self.vocabulary, self.fruits = config, vocabulary, tuple(fruits)
        self.confidence_threshold = confidence_threshold

    def training_inputs(self) -> dict[str, keras.KerasTensor]:
        """Return new image inputs for training: features of a frozen encoder, or else pixels."""
        is_frozen = self.is_encoder_frozen
        tensors = self.encoder.output if is_frozen else {"pixels": self.encoder.input}
        return {
            name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
            for name, tensor in tensors.items()
        }

    def detector_training_model(self) -> keras.Model:
        """Return a model that trains encoder and detector.

        Its inputs are `training_inputs`; its outputs are `center` and `kind` of the detector, and
        `label`, see `detector.pool_kinds`.
        """
        image = self.training_inputs()
        detected = self.detector(self.encoder(image["pixels"]) if "pixels" in image else image)
        center, kind = detected["center"], detected["kind"]
        outputs = {"center": center, "kind": kind, "label": pool_kinds(center, kind)}
        return keras.Model(image, outputs, name="detector_training")

    def decoder_training_model(self, freeze_detector: bool) -> keras.Model:
        """Return a model that trains connector and decoder.

        Its inputs are `training_inputs` and `words`; its output is `logits`.

        Args:
            freeze_detector: Whether encoder and detector stay as they are from now on; else they
                are trained, too.
        """
        encoder, detector = self.encoder, self.detector
        if freeze_detector:
            encoder.trainable = detector.trainable = False
            encoder, detector = _AtInference(encoder), _AtInference(detector)
        image = self.training_inputs()
        words = keras.Input((None, None), dtype="int32", name="words")
        detected = detector(encoder(image["pixels"]) if "pixels" in image else image)
        decoded = _decode(self.connector, self.decoder, detected, words)
        return keras.Model(
            image | {"words": words}, {"logits": decoded["logits"]}, name="decoder_training"
        )

    @property
    def is_encoder_frozen(self) -> bool:
        """Whether the encoder is never trained, so that its outputs can be cached."""
        is_pretrained = self.config.encoder_weights != "none"
        return self.config.freeze and is_pretrained and self.config.encoder not in CUSTOM_ENCODERS

    @property
    def peak_threshold(self) -> float:
        """Objectness, 0 to 1, above which the detector counts a fruit."""
        threshold = self.detector.get_layer("peak_counts").threshold
        return float(ops.convert_to_numpy(threshold))

    @peak_threshold.setter
    def peak_threshold(self, threshold: float) -> None:
        self.detector.get_layer("peak_counts").threshold.assign(threshold)

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

    def encode_features(self, features: Arrays) -> Arrays:
        """Return the neck outputs for the `coarse` and `fine` features of an encoder."""
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
        return {
            "name": self.name,
            "config": self.config.with_saved_weights().to_json(),  # the file holds them
            "words": list(self.vocabulary.words),
            "fruits": list(self.fruits),
            "confidence_threshold": self.confidence_threshold,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Captioner:
        """Build a model from the output of `get_config`."""
        return cls(**config)


class _AtInference(layers.Layer):
    """Runs a model without dropout, also within a model that is trained.

    Calling it with `training=False` is not enough: the `training` of the model around it wins.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__(name=f"{model.name}_at_inference", autocast=False)
        self.model = model

    def call(self, inputs: Any) -> dict[str, Any]:
        return self.model(inputs, training=False)


def _copy_shipped_weights(encoder: keras.Model, name: str) -> None:
    """Copy the weights of the released model's encoder.

    Raises:
        WeightsError: The encoder is another one, or the released model is missing.
    """
    if name != SHIPPED_NETWORK:
        raise WeightsError(f"The weights that ship are those of {SHIPPED_NETWORK}, not of {name}.")
    path = shipped_folder("release") / "model.keras"
    if not path.is_file():
        raise WeightsError(f"The model that ships is missing: {path}.")
    released = keras.saving.load_model(path, compile=False)
    encoder.set_weights(released.encoder.get_weights())


def _build_connector(config: ModelConfig, detector: keras.Model) -> keras.Model:
    inputs = {
        name: keras.Input(detector.output[name].shape[1:], name=name)
        for name in ("regions", "counts")
    }
    regions = inputs["regions"]
    mean = layers.GlobalAveragePooling1D(name="mean_region")(regions)
    counts = layers.Flatten(name="flat_counts")(inputs["counts"])
    image = layers.Concatenate(name="image_vector")([mean, counts])
    image = layers.Dropout(config.dropout, name="image_dropout")(image)
    outputs = {}
    for name in ("state_h", "state_c"):
        state = layers.Dense(config.units, activation="tanh", name=f"{name}_project")(image)
        outputs[name] = layers.Reshape((1, config.units), name=name)(state)
    if config.attention:
        # Projected here, once per photo, instead of in every decoder step.
        for name, order in (("keys", (2, 3, 1)), ("values", (2, 1, 3))):
            heads = layers.Dense(2 * config.channels, name=f"{name}_project")(regions)
            heads = layers.Reshape((-1, 2, config.channels), name=f"{name}_split")(heads)
            outputs[name] = layers.Permute(order, name=name)(heads)
    return keras.Model(inputs, outputs, name="connector")


def _build_neck(detector: keras.Model, connector: keras.Model) -> keras.Model:
    detected = detector.output
    outputs = {name: detected[name] for name in ("peaks", "peak_kinds", "counts")}
    outputs |= connector({name: detected[name] for name in connector.input})
    return keras.Model(detector.input, outputs, name="neck")


def _build_decoder(
    config: ModelConfig, vocabulary_size: int, detector: keras.Model, connector: keras.Model
) -> keras.Model:
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
        tensors = connector.output | {"counts": detector.output["counts"]}
        image = {
            name: keras.Input(tensors[name].shape[1:], name=name)
            for name in ("keys", "values", "counts")
        }
        attend = CountingAttention(name="attention")
        context, outputs["attention"], outputs["kind_attention"] = attend(x, *image.values())
        inputs |= image
        x = layers.Concatenate(name="state_and_context")([x, context])
    x = layers.Dropout(config.dropout, name="output_dropout")(x)
    x = layers.Dense(config.units, activation="relu", name="output_dense")(x)
    dtype = keras.config.dtype_policy().variable_dtype  # not that of mixed precision
    outputs["logits"] = layers.Dense(vocabulary_size, dtype=dtype, name="logits")(x)
    return keras.Model(inputs, outputs, name="decoder")


def _decode(
    connector: keras.Model, decoder: keras.Model, detected: dict[str, Any], words: Any
) -> dict[str, Any]:
    """The outputs of the decoder for the outputs of the detector."""
    connected = connector({name: detected[name] for name in connector.input})
    inputs = detected | connected | {"words": words}
    return decoder({name: inputs[name] for name in decoder.input})


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


def extend_vocabulary(
    model: Captioner, words: Sequence[str], fruits: Sequence[str], freeze: bool
) -> Captioner:
    """Return a copy of a trained model with more words and kinds of fruit.

    New words and fruits are appended after the old ones, so every old weight keeps its position
    in a larger array. The added weights are initialized as in a new model, but attention to new
    fruits starts low, so that it is not taken from the old ones.

    Args:
        model: A trained model.
        words: Words that the new model must know, in addition to those of `model`.
        fruits: Kinds of fruit that it must know, likewise.
        freeze: Whether the encoder of the new model stays as it is.
    """
    extended = Captioner(
        replace(model.config, encoder_weights="saved", freeze=freeze),
        list(dict.fromkeys([*model.vocabulary.words, *words])),
        list(dict.fromkeys([*model.fruits, *fruits])),
    )
    for new, old in zip(extended.weights, model.weights, strict=True):
        values = np.array(new)
        values[tuple(slice(length) for length in old.shape)] = old
        new.assign(values)
    if model.config.attention:
        bias = extended.decoder.get_layer("attention").kind_scores.bias
        scores = np.array(bias).reshape(-1, 2)
        scores[model.detector.output["counts"].shape[1] :, 0] = NEW_KIND_SCORE
        bias.assign(scores.ravel())
    return extended
