"""Divides a network where it stops being frozen, so that what is frozen looks only once.

Of an encoder whose last stages learn, the others see the same in every epoch. What they saw is
kept; only what learns is worked out anew (see `features`).
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import Any

import keras
import numpy as np
from keras import layers

Parts = tuple[keras.Model | None, keras.Model | None]
"""What is frozen of a network, and what learns from what that gives."""


def split_frozen(network: keras.Model) -> Parts:
    """The part of a network that is frozen, and the part that learns from what that gives.

    They are cut apart at a layer through which all must pass: the last before anything learns,
    or one before that gives less.

    Args:
        network: functional, of layers that are called once and give one tensor each.

    Returns:
        two models that share the network's layers; `None` for a part that there is not.
    """
    steps = network.operations  # layers, and what Keras does between them
    learns = [place for place, step in enumerate(steps) if getattr(step, "trainable_weights", [])]
    if not learns:
        return network, None
    before = range(learns[0])
    if not any(getattr(steps[place], "weights", []) for place in before):
        return None, network
    cut = _smallest_of_the_last(
        [steps[place].output for place in _narrow_places(network) if place in before]
    )
    return keras.Model(network.input, cut), _after(cut, network)


def _after(cut: keras.KerasTensor, network: keras.Model) -> keras.Model:
    """From one of a network's tensors to what it gives, of which that may be a part."""
    given = keras.Input(cut.shape[1:])
    # Keras can't build a model in which a tensor of another one is both given and a result.
    later = keras.Model(cut, [result for result in network.outputs if result is not cut])(given)
    results = iter(later if isinstance(later, list) else [later])
    return keras.Model(
        given, [given if result is cut else next(results) for result in network.outputs]
    )


def _narrow_places(network: keras.Model) -> list[int]:
    """Where operations stand whose result is all that later ones are given."""
    place_of = {id(step.output): place for place, step in enumerate(network.operations)}
    last_use = dict.fromkeys(place_of.values(), 0)
    for place, step in enumerate(network.operations):
        for given in keras.tree.flatten(step.input):
            last_use[place_of[id(given)]] = place
    for result in network.outputs:
        last_use[place_of[id(result)]] = len(network.operations)
    furthest = [0, *accumulate(last_use.values(), max)]
    return [place for place in last_use if furthest[place] <= place]


def _smallest_of_the_last(tensors: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Back from the last one as long as they grow no larger, the smallest; of equals the last."""
    best = tensors[-1]
    for tensor in reversed(tensors):
        if _size(tensor) > _size(best):
            break
        if _size(tensor) < _size(best):
            best = tensor
    return best


def _size(tensor: keras.KerasTensor) -> int:
    return prod(tensor.shape[1:])


FOLDABLE = (layers.Conv2D, layers.DepthwiseConv2D)


def fuse_batch_norm(network: keras.Model) -> keras.Model:
    """A copy of a network that gives the same and does not normalize where it need not.

    Args:
        network: functional or sequential, also with such models inside; no layer is called twice.

    Returns:
        the copy, whose normalizations that follow a convolution and nothing else uses are gone.
    """
    pairs = {convolution.name: (convolution, norm) for convolution, norm in _pairs(network)}
    gone = {norm.name for _, norm in pairs.values()}

    outputs = network.outputs if len(network.outputs) > 1 else network.outputs[0]
    functional = keras.Model(network.inputs, outputs, name=network.name)

    def copy(layer: keras.Layer) -> keras.Layer:
        if isinstance(layer, keras.Model):
            return fuse_batch_norm(layer)
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
    """Each convolution whose result goes to a normalization and nowhere else, with that."""
    return [
        (layer, norm)
        for layer, norm in _neighbors(network)
        if isinstance(layer, FOLDABLE)
        and layer.activation is keras.activations.linear
        and isinstance(norm, layers.BatchNormalization)
    ]


def _neighbors(network: keras.Model) -> list[tuple[keras.Layer, keras.Layer]]:
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
    """Kernel and bias that convolve and normalize at once."""
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
