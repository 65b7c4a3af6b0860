"""EfficientNet-Lite0: sees more than VGG16 with a fifth of its parameters.

The network of Tan & Le 2019 ("EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks") in the Lite variant that Google published in 2020: inverted residual blocks without
squeeze-and-excitation, ReLU6 instead of swish. `keras.applications` does not have it.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

STEM, HEAD = 32, 1280


@dataclass(frozen=True)
class Stage:
    """Like blocks in a row.

    Attributes:
        blocks: how many.
        kernel: side in cells of what a block looks at.
        stride: cells from one look to the next, of the first block; of the others 1.
        expansion: how many times as many channels a block has inside as it is given.
        channels: that each block gives.
    """

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


def preprocess_input(pixels: keras.KerasTensor) -> keras.KerasTensor:
    """Pixels (…, 3) as the published weights expect them: 0 to 255 becomes about -1 to 1."""
    return (pixels - 127.0) / 128.0


def efficientnet_lite0(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
) -> keras.Model:
    """The network without its classifier, with random weights.

    Its blocks end in `block0` to `block15`, after `block10` with 16 and after `block15` with 32
    pixels a cell; `head` has 1,280 channels.

    Args:
        input_shape: (rows, columns, 3) of the pixels that `preprocess_input` gives.
    """
    pixels = keras.Input(input_shape, name="pixels")
    x = _convolve(pixels, STEM, 3, 2, "stem")
    number = 0
    for stage in STAGES:
        for place in range(stage.blocks):
            x = _block(x, stage, stage.stride if place == 0 else 1, f"block{number}")
            number += 1
    return keras.Model(pixels, _convolve(x, HEAD, 1, 1, "head"), name="efficientnet_lite0")


def _block(x: keras.KerasTensor, stage: Stage, stride: int, name: str) -> keras.KerasTensor:
    """An inverted residual block (Sandler et al. 2018): expand, look, project."""
    channels = x.shape[-1]
    new = x
    if stage.expansion > 1:
        new = _convolve(new, stage.expansion * channels, 1, 1, f"{name}_expand")
    new = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(new)
    new = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(_norm(new, f"{name}_depthwise"))
    new = layers.Conv2D(stage.channels, 1, use_bias=False, name=f"{name}_project")(new)
    new = _norm(new, f"{name}_project")
    if stride == 1 and channels == stage.channels:
        return layers.Add(name=name)([x, new])
    return layers.Identity(name=name)(new)


def _convolve(
    x: keras.KerasTensor, channels: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(_norm(x, name))


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
