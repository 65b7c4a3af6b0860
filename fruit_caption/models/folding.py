"""Batch normalisation worked into the convolutions before it, for a network that only looks.

Once training is over, normalising multiplies and shifts each channel by numbers that stay the
same, which a convolution's own kernel and bias can do in passing. What the network gives stays
the same, up to rounding (Jacob et al. 2018, "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", section 3.2).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import layers

FOLDABLE = (layers.Conv2D, layers.DepthwiseConv2D)


def folded(network: keras.Model) -> keras.Model:
    """A copy of a network that gives the same and does not normalise where it need not.

    Args:
        network: functional or sequential, also with such models inside; no layer is called twice.

    Returns:
        the copy, whose normalisations that follow a convolution and nothing else uses are gone.
    """
    pairs = {convolution.name: (convolution, norm) for convolution, norm in _pairs(network)}
    gone = {norm.name for _, norm in pairs.values()}

    outputs = network.outputs if len(network.outputs) > 1 else network.outputs[0]
    functional = keras.Model(network.inputs, outputs, name=network.name)

    def copy(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.Model):
            return folded(layer)
        config = layer.get_config()
        if layer.name in pairs:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in gone else layer(*args, **kwargs)

    plain = keras.models.clone_model(functional, clone_function=copy, call_function=call)
    for layer in plain.layers:
        if layer.name in pairs:
            layer.set_weights(_fold(*pairs[layer.name]))
        elif layer.weights and not isinstance(layer, keras.Model):
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return plain


def _pairs(network: keras.Model) -> list[tuple[keras.Layer, keras.Layer]]:
    """Each convolution whose result goes to a normalisation and nowhere else, with that."""
    return [
        (layer, norm)
        for layer, norm in _neighbours(network)
        if isinstance(layer, FOLDABLE)
        and layer.activation is keras.activations.linear
        and isinstance(norm, layers.BatchNormalization)
    ]


def _neighbours(network: keras.Model) -> list[tuple[keras.Layer, keras.Layer]]:
    """Each layer whose result goes to one other layer and nowhere else, with that."""
    if isinstance(network, keras.Sequential):
        return list(pairwise(network.layers))
    users: dict[int, list[keras.Layer | None]] = {id(result): [None] for result in network.outputs}
    for layer in network.layers:
        for given in keras.tree.flatten(layer.input):
            users.setdefault(id(given), []).append(layer)
    found = [(layer, users.get(id(layer.output), [])) for layer in network.layers]
    return [(layer, one[0]) for layer, one in found if len(one) == 1 and one[0] is not None]


def _fold(convolution: keras.Layer, norm: keras.Layer) -> list[np.ndarray]:
    """Kernel and bias that convolve and normalise at once."""
    kernel, *given = convolution.get_weights()
    bias = given[0] if given else np.zeros(norm.moving_mean.shape)
    scale = 1 / np.sqrt(np.asarray(norm.moving_variance, dtype="float64") + norm.epsilon)
    if norm.scale:
        scale = scale * np.asarray(norm.gamma)
    shift = (bias - np.asarray(norm.moving_mean)) * scale
    if norm.center:
        shift = shift + np.asarray(norm.beta)
    # A depthwise kernel is (rows, columns, channels, copies), any other (…, channels).
    if isinstance(convolution, layers.DepthwiseConv2D):
        kernel_scale = scale.reshape(kernel.shape[2:])
    else:
        kernel_scale = scale
    return [kernel * kernel_scale, shift]
