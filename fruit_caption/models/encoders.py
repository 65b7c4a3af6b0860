"""Image encoders: convolutional networks from pixels to a grid of features.

Every encoder maps uint8 RGB pixels (batch, size, size, 3) to features (batch, rows, columns,
channels) and includes its own pixel scaling. Encoders trained from scratch are the functions in
`CUSTOM_ENCODERS`; pretrained networks are built in `pretrained`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from fruit_caption.models.pretrained import build_pretrained
from fruit_caption.models.surgery import EncoderParts


def scratch(size: int) -> keras.Model:
    """Small sequential CNN without pretrained weights: 16 pixels per cell, 192 channels.

    Each of four strided 3 x 3 convolutions, but the first, is followed by one without stride, all
    with batch normalization (Ioffe & Szegedy 2015).
    """
    network = keras.Sequential(name="scratch")
    network.add(keras.Input((size, size, 3), dtype="uint8", name="pixels"))
    network.add(layers.Rescaling(1 / 127.5, offset=-1.0))
    for channels, strides in ((24, (2,)), (48, (2, 1)), (96, (2, 1)), (192, (2, 1))):
        for stride in strides:
            network.add(layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False))
            network.add(layers.BatchNormalization(momentum=0.9))
            network.add(layers.Activation("relu"))
    return network


def blind(size: int) -> keras.Model:
    """Question-only baseline: a single cell of zeros, (batch, 1, 1, 3), for every image."""
    network = keras.Sequential(name="blind")
    network.add(keras.Input((size, size, 3), dtype="uint8", name="pixels"))
    network.add(layers.Rescaling(0.0))
    network.add(layers.AveragePooling2D(size))
    return network


CUSTOM_ENCODERS: dict[str, Callable[[int], keras.Model]] = {"scratch": scratch, "blind": blind}


def build_encoder_parts(
    name: str, size: int, weights: str = "none", unfreeze: int = 0
) -> EncoderParts:
    """Build an encoder as a frozen and a trainable part.

    Args:
        name: A key of `CUSTOM_ENCODERS`, or a network that `build_pretrained` knows.
        size: Side of the input image in pixels.
        weights: Weights of a pretrained network, see `build_pretrained`. Custom encoders always
            start from random weights.
        unfreeze: Number of the last stages of a pretrained network to train. Custom encoders are
            always trained as a whole.

    Returns:
        `(frozen, trainable)`, either of which may be None. `frozen` maps uint8 pixels (batch,
        size, size, 3) to intermediate features; `trainable` maps those (or pixels) to features
        (batch, rows, columns, channels).

    Raises:
        WeightsError: The encoder is unknown, or its weights can't be loaded.
    """
    if name in CUSTOM_ENCODERS:
        return None, CUSTOM_ENCODERS[name](size)
    return build_pretrained(name, size, weights, unfreeze)


def join_parts(parts: EncoderParts) -> keras.Model:
    """Join the parts of an encoder into one model from pixels to features."""
    frozen, trainable = parts
    if frozen and trainable:
        return keras.Model(frozen.input, trainable(frozen.output), name=frozen.name)
    return frozen or trainable
