"""A small stand-in for the networks of `keras.applications`, which take seconds to build."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import pytest
from keras import layers

from fruit_caption.models import pretrained

NAME = "tiny-network"


def preprocess_input(pixels):
    return pixels / 255 - 0.5


def build(input_shape: tuple[int, int, int]) -> keras.Model:
    """Five convolutions with batch normalization; `relu5` has 32 pixels per cell."""
    x = inputs = keras.Input(input_shape)
    for number, channels in enumerate((3, 4, 5, 6, 7), start=1):
        x = layers.Conv2D(channels, 3, 2, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"norm{number}")(x)
        x = layers.ReLU(name=f"relu{number}")(x)
    return keras.Model(inputs, x, name="tiny_network")


@contextmanager
def known() -> Iterator[str]:
    """Let `build_encoder` know the network; yields its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pretrained.NETWORKS, NAME, pretrained.Network(build))
        yield NAME
