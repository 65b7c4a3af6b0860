"""AdamW with cosine decay and a lower learning rate for pretrained weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

MAX_GRADIENT_NORM = 1.0
"""Maximum norm of the gradient of one variable."""

LOW_LR_FACTOR = 0.1
"""Factor by which the learning rate of pretrained weights is reduced."""


def cosine_adamw(
    learning_rate: float, steps: int, low_lr_variables: Iterable[keras.Variable] = ()
) -> TwoRateAdamW:
    """Return an optimizer whose learning rate decays to zero along a cosine.

    The schedule is that of Loshchilov & Hutter 2017 ("SGDR"), without restarts.

    Args:
        learning_rate: Initial learning rate.
        steps: Number of steps of the whole training.
        low_lr_variables: Variables that are trained at `LOW_LR_FACTOR` of the learning rate.
    """
    return TwoRateAdamW(
        low_lr_variables,
        learning_rate=keras.optimizers.schedules.CosineDecay(learning_rate, steps),
        weight_decay=1e-4,
    )


class TwoRateAdamW(keras.optimizers.AdamW):
    """AdamW (Loshchilov & Hutter 2019) with two learning rates and gradient clipping.

    The gradient of each variable is clipped to the norm `MAX_GRADIENT_NORM` (Pascanu et al. 2013).

    Args:
        low_lr_variables: Variables that are trained at `LOW_LR_FACTOR` of the learning rate.
        **settings: Arguments of `keras.optimizers.AdamW`.
    """

    def __init__(self, low_lr_variables: Iterable[keras.Variable] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self._low_lr_paths = {variable.path for variable in low_lr_variables}
        self._low_lr_indices: set[int] = set()

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the optimizer's state for the given variables."""
        self._low_lr_indices = {
            index for index, variable in enumerate(variables) if variable.path in self._low_lr_paths
        }
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        # The backend may pass its own variable, which has no path, so look it up by index.
        if self._get_variable_index(variable) in self._low_lr_indices:
            learning_rate = learning_rate * LOW_LR_FACTOR
        # Keras's own `clipnorm` would clip the partial gradient of each distributed worker.
        gradient = ops.convert_to_tensor(gradient)
        norm = ops.sqrt(ops.sum(ops.square(gradient)))
        gradient = gradient * (MAX_GRADIENT_NORM / ops.maximum(norm, MAX_GRADIENT_NORM))
        super().update_step(gradient, variable, learning_rate)
