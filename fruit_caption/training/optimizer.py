"""The optimizer: its rate falls to nothing, and pretrained weights go slower than new ones; and
what a training that goes on must find as it was: weights, momenta, the state of dropout.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import keras
from keras import ops

from fruit_caption.utils.files import atomic_write

HDF5_FRAME = 2**20
"""Bytes that a file of weights takes beside them, at most."""

LONGEST = 1.0
"""The norm of a variable's gradient."""

SLOW = 0.1
"""The share of the learning rate that pretrained weights get."""


def cosine_adamw(
    learning_rate: float, steps: int, slow: Iterable[keras.Variable] = ()
) -> TwoSpeedAdamW:
    """An optimizer whose rate falls along a cosine and is zero after so many steps.

    The cosine is that of Loshchilov & Hutter 2017 ("SGDR"), without restarts.

    Args:
        learning_rate: at the start.
        steps: of the whole training.
        slow: variables that get `SLOW` of the rate.
    """
    return TwoSpeedAdamW(
        slow,
        learning_rate=keras.optimizers.schedules.CosineDecay(learning_rate, steps),
        weight_decay=1e-4,
    )


def seed_dropout(model: keras.Model, seed: int, step: int) -> None:
    """Let dropout depend on a seed and a step alone: Keras does not save its random state, and a
    training that goes on must end as one that was never interrupted.
    """
    states = [one for one in model.variables if one.name == "seed_generator_state"]
    for number, state in enumerate(states):
        state.assign([seed + number, step])


def save_state(model: keras.Model, path: Path) -> None:
    """Write weights and momenta, whole or not at all.

    Raises:
        FruitError: the folder can't be written to, or its disk has no room.
    """
    with atomic_write(
        path, weights_file_size([*model.variables, *model.optimizer.variables])
    ) as draft:
        model.save_weights(draft)


def weights_file_size(variables: Iterable[keras.Variable]) -> int:
    """Bytes of a file of weights that holds them, at most."""
    return sum(4 * math.prod(variable.shape) for variable in variables) + HDF5_FRAME


class TwoSpeedAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov & Hutter 2019) that changes some variables at a tenth of its rate, and
    shortens gradients that are longer than `LONGEST` (Pascanu et al. 2013).

    Args:
        slow: the variables.
        settings: as `keras.optimizers.AdamW` takes them.
    """

    def __init__(self, slow: Iterable[keras.Variable] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self._slow = {variable.path for variable in slow}
        self._slow_places: set[int] = set()

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the momenta of some variables, and note the places of the slow ones."""
        places = {place for place, one in enumerate(variables) if one.path in self._slow}
        self._slow_places = places
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Change a variable by its gradient, at the rate of its kind."""
        # A backend may hand over its own variable, which has no path: it is known by its place.
        slow = self._get_variable_index(variable) in self._slow_places
        # Not by Keras's `clipnorm`: of those who train together each would shorten its own part.
        gradient = ops.convert_to_tensor(gradient)
        length = ops.sqrt(ops.sum(ops.square(gradient)))
        gradient = gradient * (LONGEST / ops.maximum(length, LONGEST))
        super().update_step(gradient, variable, learning_rate * (SLOW if slow else 1.0))
