"""The detector: finds each fruit in an encoder's features and counts fruits by kind.

It predicts, for each cell of 8 x 8 pixels, whether the center of a fruit is there and which kind
of fruit ("Objects as Points", Zhou et al. 2019). A fruit is counted where a cell is the most
certain one among its neighbors and more certain than a threshold that is chosen on validation
photos.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import layers, ops

from fruit_caption.config import ModelConfig

DILATIONS = (1, 2, 3)
"""Dilation rate of each residual block of the neck. A fruit may fill a third of the photo but
must be counted once, so each cell needs a receptive field of many cells; two undilated 3 x 3
convolutions were too narrow."""

FINE_CHANNELS, HEAD_CHANNELS = 64, 96
"""Number of channels of the projected fine features, and of the head's convolutions."""

MOMENTUM = 0.95
"""Momentum of batch normalization."""

INITIAL_OBJECTNESS = 0.01
"""Objectness of every cell before training, about the share of cells with a fruit (Lin et al. 2017,
"Focal Loss for Dense Object Detection")."""

MIN_OBJECTNESS = 0.1
"""Objectness below which a cell does not contribute to the expected number of fruits."""

Tensor = Any  # symbolic while a model is built, then the backend's
Shape = tuple[int | None, ...]


def build_detector(config: ModelConfig, encoder: keras.Model, num_fruits: int) -> keras.Model:
    """Build the detector for the features of an encoder.

    Args:
        config: The architecture.
        encoder: The encoder, see `encoders.build_encoder`.
        num_fruits: Number of kinds of fruit, at least 1.

    Returns:
        Model from `coarse` and `fine` features to a dictionary:

        - `regions`: features of image regions for the decoder, (batch, regions, channels). The
          regions are the cells of `coarse`, row by row.
        - `center`: logit that a fruit is centered in a cell, (batch, rows, columns, 1), on the grid
          of `fine`.
        - `kind`: logits of the kinds of fruit, (batch, rows, columns, fruits).
        - `peaks`, `peak_kinds`, `counts`: see `PeakCounts`.
    """
    inputs = {
        name: keras.Input(features.shape[1:], name=name)
        for name, features in encoder.output.items()
    }
    x = layers.BatchNormalization(momentum=MOMENTUM, name="neck_norm")(inputs["coarse"])
    x = layers.SpatialDropout2D(config.dropout, name="neck_dropout")(x)
    x = layers.Conv2D(config.channels, 1, name="neck_project")(x)
    for dilation in DILATIONS:
        x = _residual_block(x, dilation, f"neck_block{dilation}")
    x = _norm_relu(x, "neck_output")

    fine = layers.Conv2D(FINE_CHANNELS, 1, use_bias=False, name="fine_project")(inputs["fine"])
    fine = _norm_relu(fine, "fine_projected")
    upsampled = layers.Resizing(*fine.shape[1:3], name="neck_upsampled")(x)
    y = layers.Concatenate(name="head_input")([upsampled, fine])
    for name in ("head1", "head2"):
        y = layers.Conv2D(HEAD_CHANNELS, 3, padding="same", use_bias=False, name=f"{name}_conv")(y)
        y = _norm_relu(y, name)
    # The outputs stay in full precision when the rest is trained in bfloat16.
    dtype = keras.config.dtype_policy().variable_dtype
    bias = keras.initializers.Constant(math.log(INITIAL_OBJECTNESS))
    center = layers.Conv2D(1, 1, bias_initializer=bias, dtype=dtype, name="center")(y)
    kind = layers.Conv2D(num_fruits, 1, dtype=dtype, name="kind")(y)
    peaks, peak_kinds, counts = PeakCounts(dtype=dtype, name="peak_counts")(center, kind)
    rows, columns, channels = x.shape[1:]
    outputs = {
        "regions": layers.Reshape((rows * columns, channels), name="flat_regions")(x),
        "center": center,
        "kind": kind,
        "peaks": peaks,
        "peak_kinds": peak_kinds,
        "counts": counts,
    }
    return keras.Model(inputs, outputs, name="detector")


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
    x = layers.BatchNormalization(momentum=MOMENTUM, name=f"{name}_norm")(x)
    return layers.Activation("relu", name=name)(x)


@keras.saving.register_keras_serializable("fruit_caption")
class PeakCounts(layers.Layer):
    """Finds the fruits in the outputs of the head, and counts them.

    A fruit is a cell whose objectness (the sigmoid of `center`) is the largest of its 3 x 3
    neighborhood and above the threshold; its kind is the most likely one.

    Call arguments:
        center: Logit that a fruit is centered in a cell, (batch, rows, columns, 1).
        kind: Logits of the kinds of fruit, (batch, rows, columns, fruits).

    Returns:
        A tuple:

        - `peaks`: objectness of each detected fruit in the cell of its center, and 0 in all other
          cells, (batch, rows, columns).
        - `peak_kinds`: index of the most likely kind in each cell, int32 (batch, rows, columns).
        - `counts`: the number of detected fruits and the expected number, first of all fruits, then
          of each kind, (batch, 1 + fruits, 2). The expected number also includes cells below the
          threshold, and divides each fruit among the kinds by their probabilities; where it differs
          from the number, the detector is not sure.

    Attributes:
        threshold: Objectness above which a cell is counted, a weight that is not trained.
    """

    def build(self, center_shape: Shape, kind_shape: Shape) -> None:
        """Create the threshold."""
        self.threshold = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(0.4),
            trainable=False,
            name="threshold",
        )

    def call(self, center: Tensor, kind: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Find and count the fruits; see the class for the shapes."""
        # Logits are compared, because the sigmoids of large ones are equal.
        is_largest = center >= ops.max_pool(center, 3, strides=1, padding="same")
        candidates = ops.where(is_largest, ops.sigmoid(center), 0.0)
        peaks = ops.where(candidates > self.threshold, candidates, 0.0)
        # ONNX Runtime can't run what TensorFlow makes of `argmax`.
        kinds = ops.squeeze(ops.top_k(kind, 1)[1], -1)
        one_hot = ops.one_hot(kinds, kind.shape[-1], dtype=kind.dtype)
        number = ops.sum(ops.cast(peaks > 0, kind.dtype) * one_hot, axis=(1, 2))
        likely = ops.where(candidates > MIN_OBJECTNESS, candidates, 0.0)
        expected = ops.sum(likely * _probabilities(kind), axis=(1, 2))
        by_kind = ops.stack([number, expected], axis=-1)
        counts = ops.concatenate([ops.sum(by_kind, axis=1, keepdims=True), by_kind], axis=1)
        return ops.squeeze(peaks, -1), ops.cast(kinds, "int32"), counts


def pool_kinds(center: Tensor, kind: Tensor) -> Tensor:
    """Average the kinds over a photo, weighted by objectness, (batch, fruits).

    It teaches kinds from photos that only say which fruit they show: wherever the detector sees
    fruit, it is of that kind. The objectness itself learns nothing from it.

    Args:
        center: Logit that a fruit is centered in a cell, (batch, rows, columns, 1).
        kind: Logits of the kinds of fruit, (batch, rows, columns, fruits).

    Returns:
        Probability of each kind; they sum to 1.
    """
    # The constant matters only where no fruit is seen at all.
    weights = ops.stop_gradient(ops.sigmoid(center)) + 1e-4
    total = ops.sum(weights, axis=(1, 2))
    return ops.sum(weights * _probabilities(kind), axis=(1, 2)) / total


def _probabilities(kind: Tensor) -> Tensor:
    # `ops.softmax` warns if there is only one kind.
    return ops.exp(ops.log_softmax(kind))


@keras.saving.register_keras_serializable("fruit_caption")
class CenterLoss(keras.losses.Loss):
    """Focal loss of objectness against Gaussian peaks (Zhou et al. 2019, equation 1).

    With the predicted objectness p and the true one y, which is 1 in the cell of a center and falls
    off around it, the loss of a cell is

        -(1 - p)^2 log p              where y = 1,
        -(1 - y)^4 p^2 log(1 - p)     elsewhere.
    """

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each cell (batch, rows, columns), for logits (…, rows, columns, 1)."""
        p = ops.sigmoid(y_pred)
        positive = (1 - p) ** 2 * ops.log_sigmoid(y_pred)
        negative = (1 - y_true) ** 4 * p**2 * ops.log_sigmoid(-y_pred)
        return -ops.squeeze(ops.where(y_true == 1, positive, negative), -1)
