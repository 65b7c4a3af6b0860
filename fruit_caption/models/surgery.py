"""Model surgery: operations on trained networks that keep their outputs.

`split_frozen` cuts a partly frozen network in two, so that the outputs of the frozen part can be
cached and reused in every epoch. `fuse_batch_norm` makes inference faster.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import Any

import keras
import numpy as np
from keras import layers

EncoderParts = tuple[keras.Model | None, keras.Model | None]
"""The frozen and the trainable part of a network; the second takes the outputs of the first."""

FUSABLE = (layers.Conv2D, layers.DepthwiseConv2D)
"""Layers that a following batch normalization can be fused into."""


def split_frozen(network: keras.Model) -> EncoderParts:
    """Split a network into a frozen and a trainable part.

    The cut is at a tensor that everything after it depends on: the last one before the first
    trainable layer, or a smaller one before that.

    Args:
        network: Functional model whose layers are called once and return one tensor.

    Returns:
        Two models that share the layers of `network`. One of them is None if nothing, or
        everything, is trainable.
    """
    operations = network.operations  # layers, and Keras operations between them
    trainable = [i for i, op in enumerate(operations) if getattr(op, "trainable_weights", [])]
    if not trainable:
        return network, None
    first = trainable[0]
    if not any(getattr(op, "weights", []) for op in operations[:first]):
        return None, network
    cut = _smallest_trailing(
        [operations[place].output for place in _cut_points(network) if place < first]
    )
    return keras.Model(network.input, cut), _after(cut, network)


def _cut_points(network: keras.Model) -> list[int]:
    """Indices of the operations whose output is all that later operations depend on."""
    place_of = {id(op.output): place for place, op in enumerate(network.operations)}
    last_use = dict.fromkeys(place_of.values(), 0)
    for place, op in enumerate(network.operations):
        for tensor in keras.tree.flatten(op.input):
            last_use[place_of[id(tensor)]] = place
    for output in network.outputs:
        last_use[place_of[id(output)]] = len(network.operations)
    # For each operation, the last use of any tensor that was computed before it.
    last_use_before = [0, *accumulate(last_use.values(), max)]
    return [place for place in last_use if last_use_before[place] <= place]


def _smallest_trailing(tensors: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Go back from the last tensor while sizes do not grow; return the last of the smallest."""
    best = tensors[-1]
    for tensor in reversed(tensors):
        if _size(tensor) > _size(best):
            break
        if _size(tensor) < _size(best):
            best = tensor
    return best


def _size(tensor: keras.KerasTensor) -> int:
    return prod(tensor.shape[1:])


def _after(cut: keras.KerasTensor, network: keras.Model) -> keras.Model:
    """Build the model from a tensor of a network to the network's outputs."""
    inputs = keras.Input(cut.shape[1:])
    # Keras can't build a model from a tensor of another model to that same tensor, so an output
    # at the cut bypasses the inner model.
    later = keras.Model(cut, [output for output in network.outputs if output is not cut])(inputs)
    later_outputs = iter(later if isinstance(later, list) else [later])
    outputs = [inputs if output is cut else next(later_outputs) for output in network.outputs]
    return keras.Model(inputs, outputs)


def fuse_batch_norm(network: keras.Model) -> keras.Model:
    """Return a copy of a network with batch normalization fused into convolutions.

    A normalization is fused if it is the only consumer of a convolution's output; others stay.

    Args:
        network: Functional or sequential model, possibly with such models inside. Each layer must
            be called once.
    """
    pairs = {conv.name: (conv, norm) for conv, norm in _fusable_pairs(network)}
    fused = {norm.name for _, norm in pairs.values()}
    outputs = network.outputs if len(network.outputs) > 1 else network.outputs[0]
    functional = keras.Model(network.inputs, outputs, name=network.name)

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
