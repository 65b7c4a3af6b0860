"""Fuses batch normalization into convolutions, which makes inference faster."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import layers

FUSABLE = (layers.Conv2D, layers.DepthwiseConv2D)
"""Layers that a following batch normalization can be fused into."""


def fuse_batch_norm(network: keras.Model) -> keras.Model:
    """Return a copy of a network with batch normalization fused into convolutions.

    A normalization is fused if it is the only consumer of a convolution's output; others stay.

    Args:
        network: Functional or sequential model, possibly with such models inside. Each layer must
            be called once.
    """
    pairs = {conv.name: (conv, norm) for conv, norm in _fusable_pairs(network)}
    fused = {norm.name for _, norm in pairs.values()}
    if isinstance(network, keras.Sequential):
        inputs, outputs = network.inputs[0], network.outputs[0]
    else:
        inputs, outputs = network.input, network.output
    functional = keras.Model(inputs, outputs, name=network.name)

    def clone(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.Model):
            return fuse_batch_norm(layer)
        config = layer.get_config()
        if layer.name in pairs:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in fused else layer(*args, **kwargs)

    copy = keras.models.clone_model(functional, clone_function=clone, call_function=call)
    for layer in copy.layers:
        if layer.name in pairs:
            layer.set_weights(_fused_weights(*pairs[layer.name]))
        elif layer.weights and not isinstance(layer, keras.Model):
            layer.set_weights(network.get_layer(layer.name).get_weights())
    return copy


def _fusable_pairs(network: keras.Model) -> list[tuple[keras.Layer, keras.Layer]]:
    """Pairs of a linear convolution and the batch normalization that alone consumes its output."""
    return [
        (layer, norm)
        for layer, norm in _exclusive_pairs(network)
        if isinstance(layer, FUSABLE)
        and layer.activation is keras.activations.linear
        and isinstance(norm, layers.BatchNormalization)
    ]


def _exclusive_pairs(network: keras.Model) -> list[tuple[keras.Layer, keras.Layer]]:
    """Pairs of a layer and the only layer that consumes its output."""
    if isinstance(network, keras.Sequential):
        return list(pairwise(network.layers))
    # None stands for the caller, who gets the network's outputs.
    consumers: dict[int, list[keras.Layer | None]] = {id(out): [None] for out in network.outputs}
    for layer in network.layers:
        for tensor in keras.tree.flatten(layer.input):
            consumers.setdefault(id(tensor), []).append(layer)
    pairs = [(layer, consumers.get(id(layer.output), [])) for layer in network.layers]
    return [(layer, to[0]) for layer, to in pairs if len(to) == 1 and to[0] is not None]


def _fused_weights(convolution: keras.Layer, norm: keras.Layer) -> list[np.ndarray]:
    """Kernel and bias of a convolution that includes a batch normalization."""
    kernel, *biases = convolution.get_weights()
    bias = biases[0] if biases else np.zeros(norm.moving_mean.shape)
    scale = 1 / np.sqrt(np.asarray(norm.moving_variance, dtype="float64") + norm.epsilon)
    if norm.scale:
        scale = scale * np.asarray(norm.gamma)
    shift = (bias - np.asarray(norm.moving_mean)) * scale
    if norm.center:
        shift = shift + np.asarray(norm.beta)
    # A depthwise kernel is (rows, columns, channels, multiplier), any other (..., channels).
    depthwise = isinstance(convolution, layers.DepthwiseConv2D)
    return [kernel * (scale.reshape(kernel.shape[2:]) if depthwise else scale), shift]
