"""EfficientNet-Lite0, which `keras.applications` lacks.

The network of Tan & Le 2019 ("EfficientNet: Rethinking Model Scaling for Convolutional Neural
Networks") in the Lite variant that Google published in 2020: inverted residual blocks without
squeeze-and-excitation, and ReLU6 instead of swish. It has a fifth of VGG16's parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import keras
from keras import layers

STEM_CHANNELS, HEAD_CHANNELS = 32, 1280


@dataclass(frozen=True)
class Stage:
    """A sequence of inverted residual blocks of one configuration.

    Attributes:
        blocks: Number of blocks.
        kernel: Kernel size of the depthwise convolutions.
        stride: Stride of the first block; the others have stride 1.
        expansion: Ratio of the channels inside a block to its input channels.
        channels: Number of output channels.
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
    """Scale pixels (..., 3) from 0..255 to about -1..1, as the published weights expect."""
    return (pixels - 127.0) / 128.0


def efficientnet_lite0(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
) -> keras.Model:
    """Build the network without its classifier, with random weights.

    The outputs of the blocks are the layers `block0` to `block15`: `block4` has 8 pixels per cell,
    `block10` 16 and `block15` 32. The last layer is the activation of `head`, with 1280 channels.

    Args:
        input_shape: Shape (rows, columns, 3) of the preprocessed pixels.
    """
    pixels = keras.Input(input_shape, name="pixels")
    x = _conv_norm_relu(pixels, STEM_CHANNELS, 3, 2, "stem")
    number = 0
    for stage in STAGES:
        for place in range(stage.blocks):
            x = _block(x, stage, stage.stride if place == 0 else 1, f"block{number}")
            number += 1
    x = _conv_norm_relu(x, HEAD_CHANNELS, 1, 1, "head")
    return keras.Model(pixels, x, name="efficientnet_lite0")


def _block(x: keras.KerasTensor, stage: Stage, stride: int, name: str) -> keras.KerasTensor:
    """Inverted residual block (Sandler et al. 2018)."""
    channels = x.shape[-1]
    residual = x
    if stage.expansion > 1:
        residual = _conv_norm_relu(residual, stage.expansion * channels, 1, 1, f"{name}_expand")
    residual = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(residual)
    residual = _norm(residual, f"{name}_depthwise")
    residual = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(residual)
    residual = layers.Conv2D(stage.channels, 1, use_bias=False, name=f"{name}_project")(residual)
    residual = _norm(residual, f"{name}_project")
    if stride == 1 and channels == stage.channels:
        return layers.Add(name=name)([x, residual])
    return layers.Identity(name=name)(residual)


def _conv_norm_relu(
    x: keras.KerasTensor, channels: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(_norm(x, name))


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
