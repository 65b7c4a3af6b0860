"""Divides a network where it stops being frozen, so that what is frozen looks only once.

Of an encoder whose last stages learn, the others see the same in every epoch. What they saw is
kept; only what learns is worked out anew (see `features`).
"""

from __future__ import annotations

from itertools import accumulate
from math import prod

import keras

Parts = tuple[keras.Model | None, keras.Model | None]
"""What is frozen of a network, and what learns from what that gives."""


def divided(network: keras.Model) -> Parts:
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
