"""The eyes: convolutional networks that turn pixels into a grid of features.

Every encoder takes uint8 RGB pixels of shape (batch, size, size, 3) and gives features of shape
(batch, rows, columns, channels); its own scaling of the pixels is part of it. Our own are
functions and rows of `OWN`; those that others have trained are in `pretrained`.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from fruit_caption.models.pretrained import pretrained
from fruit_caption.models.surgery import Parts


def scratch(size: int) -> keras.Model:
    """A Sequential CNN of our own, trained with the rest: 16 pixels a cell, 192 channels.

    Four halvings by strided 3x3 convolutions, each but the first followed by a plain one, all
    with batch normalization (Ioffe & Szegedy 2015).
    """
    network = keras.Sequential(name="scratch")
    network.add(keras.Input((size, size, 3), dtype="uint8", name="pixels"))
    network.add(layers.Rescaling(1 / 127.5, offset=-1.0))
    for channels, all_strides in ((24, (2,)), (48, (2, 1)), (96, (2, 1)), (192, (2, 1))):
        for strides in all_strides:
            network.add(layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False))
            network.add(layers.BatchNormalization(momentum=0.9))
            network.add(layers.Activation("relu"))
    return network


def blind(size: int) -> keras.Model:
    """No eye at all: one cell of zeros, (batch, 1, 1, 3), whatever the picture.

    With it the model learns what the questions alone give away, the baseline of every score.
    """
    network = keras.Sequential(name="blind")
    network.add(keras.Input((size, size, 3), dtype="uint8", name="pixels"))
    network.add(layers.Rescaling(0.0))
    network.add(layers.AveragePooling2D(size))
    return network


OWN: dict[str, Callable[[int], keras.Model]] = {"scratch": scratch, "blind": blind}


def encoder_parts(name: str, size: int, weights: str = "none", unfreeze: int = 0) -> Parts:
    """Build an encoder: of `OWN`, or a pretrained one, of which only the last stages learn.

    Args:
        name: "scratch", "blind", or as `pretrained` takes it.
        size: side of the pictures in pixels.
        weights: of a pretrained one, as `pretrained` takes them; ours start at random.
        unfreeze: how many of a pretrained one's last stages learn; all of ours do.

    Returns:
        what is frozen, from uint8 pixels (batch, size, size, 3), and what learns from what that
        gives, or from pixels; `None` for one that there is not. In the end there are features
        (batch, rows, columns, channels).

    Raises:
        WeightsError: there is no such encoder, or its weights can't be loaded.
    """
    if name in OWN:
        return None, OWN[name](size)
    return pretrained(name, size, weights, unfreeze)


def joined(parts: Parts) -> keras.Model:
    """An encoder's parts as one model, from pixels to features."""
    frozen, learning = parts
    if frozen and learning:
        return keras.Model(frozen.input, learning(frozen.output), name=frozen.name)
    return frozen or learning
