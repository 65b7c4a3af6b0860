"""The eyes: convolutional networks that turn pixels into a grid of features.

Every encoder takes uint8 RGB pixels of shape (batch, size, size, 3) and gives features of shape
(batch, rows, columns, channels); its own scaling of the pixels is part of it. A new encoder is
one function and one row of `ENCODERS`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
from keras import layers, ops

from fruit_caption.errors import WeightsError

VGG16_CUT = "block4_pool"


@keras.saving.register_keras_serializable("fruit_caption")
class CaffePreprocessing(layers.Layer):
    """What VGG16 was trained on: BGR instead of RGB, minus ImageNet's mean of each channel.

    The same numbers as `keras.applications.vgg16.preprocess_input`, as a layer, so that a saved
    model takes plain pixels. Maps (..., 3) to (..., 3).
    """

    def call(self, pixels: keras.KerasTensor) -> keras.KerasTensor:
        bgr = ops.flip(ops.cast(pixels, self.compute_dtype), axis=-1)
        return bgr - ops.convert_to_tensor([103.939, 116.779, 123.68], dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


def vgg16(size: int, weights: str | None) -> keras.Model:
    """VGG16 (Simonyan & Zisserman 2015) up to `block4_pool`: 16 pixels a cell, 512 channels.

    Counting needs this finer grid, and the cut leaves half the parameters out.

    Args:
        size: side of the pictures in pixels.
        weights: "imagenet" (downloaded by Keras), the path of a weights file of the cut or the
            whole convolutional part, or `None` for random weights.

    Raises:
        WeightsError: the weights can't be downloaded, found or loaded.
    """
    try:
        network = keras.applications.VGG16(
            weights="imagenet" if weights == "imagenet" else None,
            include_top=False,
            input_shape=(size, size, 3),
        )
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise WeightsError(
            "VGG16's ImageNet weights can't be downloaded (no internet?). Pass a file with "
            "--encoder-weights PATH, or train a network of your own with --scratch."
        ) from error
    cut = keras.Model(network.input, network.get_layer(VGG16_CUT).output, name="vgg16_cut")
    if weights not in (None, "imagenet"):
        _load_weights(cut, network, Path(str(weights)))
    pixels = keras.Input((size, size, 3), dtype="uint8", name="pixels")
    return keras.Model(pixels, cut(CaffePreprocessing()(pixels)), name="vgg16")


def scratch(size: int, weights: str | None = None) -> keras.Model:
    """A Sequential CNN of our own, trained with the rest: 16 pixels a cell, 192 channels.

    Four halvings by strided 3x3 convolutions, each but the first followed by a plain one, all
    with batch normalisation.
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


def blind(size: int, weights: str | None = None) -> keras.Model:
    """No eye at all: one cell of zeros, whatever the picture.

    With it the model learns what the questions alone give away, the baseline of every score.
    """
    network = keras.Sequential(name="blind")
    network.add(keras.Input((size, size, 3), dtype="uint8", name="pixels"))
    network.add(layers.Rescaling(0.0))
    network.add(layers.AveragePooling2D(size))
    return network


@dataclass(frozen=True)
class Encoder:
    """A row of the table: how to build it, and whether its weights stay as they are."""

    build: Callable[[int, str | None], keras.Model]
    frozen: bool


EncoderName = Literal["vgg16", "scratch", "blind"]

ENCODERS: dict[str, Encoder] = {
    "vgg16": Encoder(vgg16, frozen=True),
    "scratch": Encoder(scratch, frozen=False),
    "blind": Encoder(blind, frozen=True),
}


def build_encoder(name: str, size: int, weights: str | None = None) -> keras.Model:
    """Build an encoder of `ENCODERS`; frozen ones are not trainable.

    Returns:
        a model from uint8 pixels (batch, size, size, 3) to features (batch, rows, columns,
        channels).
    """
    encoder = ENCODERS[name]
    network = encoder.build(size, weights)
    network.trainable = not encoder.frozen
    return network


def _load_weights(cut: keras.Model, network: keras.Model, path: Path) -> None:
    """Load a file of the cut, or else of the whole convolutional part, which shares its layers."""
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file.")
    for model in (cut, network):
        # Keras only warns of layers that the file lacks, and leaves their weights random.
        with suppress(ValueError, OSError, KeyError, UserWarning), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
            return
    raise WeightsError(
        f"{path} does not hold VGG16's weights; it needs those of the layers up to {VGG16_CUT}, "
        "as Keras's save_weights writes them (….weights.h5)."
    )
