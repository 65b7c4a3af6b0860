"""Image encoders: convolutional networks from pixels to two grids of features.

Every encoder maps uint8 RGB pixels (batch, size, size, 3) to a dictionary of features, each (batch,
rows, columns, channels), and includes its own pixel scaling:

- `coarse`: 16 pixels per cell, to tell what is there.
- `fine`: 8 pixels per cell, to tell where it is.

Encoders trained from scratch are built here; pretrained networks are built in `pretrained`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from fruit_caption.models.pretrained import build_pretrained

SCRATCH_CHANNELS = (24, 48, 96, 192)
"""Channels of the stages of the scratch encoder; each halves the grid."""


def scratch(size: int) -> keras.Model:
    """Small sequential CNN without pretrained weights; `coarse` has 192 channels, `fine` 96.

    Each of four strided 3 x 3 convolutions, but the first, is followed by one without stride, all
    with batch normalization (Ioffe & Szegedy 2015).
    """
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    stages = []
    for stage, channels in enumerate(SCRATCH_CHANNELS, start=1):
        for number in (1,) if stage == 1 else (1, 2):
            name = f"stage{stage}_conv{number}"
            strides = 2 if number == 1 else 1
            x = layers.Conv2D(channels, 3, strides, padding="same", use_bias=False, name=name)(x)
            x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
            x = layers.Activation("relu", name=f"{name}_relu")(x)
        stages.append(x)
    return keras.Model(pixels, {"coarse": stages[3], "fine": stages[2]}, name="scratch")


def blind(size: int) -> keras.Model:
    """Question-only baseline: a few cells of zeros for every image.

    `coarse` is (batch, 2, 2, 3) and `fine` (batch, 4, 4, 3).
    """
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    zeros = layers.Rescaling(0.0)(pixels)
    features = {
        "coarse": layers.AveragePooling2D(size // 2)(zeros),
        "fine": layers.AveragePooling2D(size // 4)(zeros),
    }
    return keras.Model(pixels, features, name="blind")


BUILDERS: dict[str, Callable[[int], keras.Model]] = {"scratch": scratch, "blind": blind}
"""The functions that build the encoders in `config.CUSTOM_ENCODERS`."""


def build_encoder(name: str, size: int, weights: str = "none", freeze: bool = False) -> keras.Model:
    """Build an encoder.

    Args:
        name: A key of `BUILDERS`, or a network that `build_pretrained` knows.
        size: Side of the input image in pixels.
        weights: Weights of a pretrained network, see `build_pretrained`. Custom encoders always
            start from random weights.
        freeze: Whether a pretrained network stays as it is. Custom encoders are always trained.

    Returns:
        Model from uint8 pixels (batch, size, size, 3) to `coarse` and `fine` features.

    Raises:
        WeightsError: The encoder is unknown, or its weights can't be loaded.
    """
    if name in BUILDERS:
        return BUILDERS[name](size)
    return build_pretrained(name, size, weights, freeze)
