"""AdamW with warm-up, cosine decay, averaged weights and a lower rate for pretrained weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
from keras import ops

MAX_GRADIENT_NORM = 1.0
"""Maximum norm of the gradient of one variable."""

LOW_LR_FACTOR = 0.3
"""Factor by which the learning rate of pretrained weights is reduced."""

WARMUP_SHARE = 0.03
"""Share of the steps in which the learning rate rises from zero."""

MAX_AVERAGING_MOMENTUM = 0.999
"""Momentum of the moving average of the weights in a long training."""

AVERAGED_SHARE = 0.05
"""In a shorter training, the average spans about this share of the steps."""


def cosine_adamw(
    learning_rate: float,
    steps: int,
    low_lr_variables: Iterable[keras.Variable] = (),
    average: bool = False,
    weight_decay: float = 1e-4,
) -> TwoRateAdamW:
    """Return an optimizer whose learning rate rises, then decays to zero along a cosine.

    The schedule is that of Loshchilov & Hutter 2017 ("SGDR"), without restarts.

    Args:
        learning_rate: Highest learning rate.
        steps: Number of steps of the whole training.
        low_lr_variables: Variables that are trained at `LOW_LR_FACTOR` of the learning rate.
        average: Whether to keep a moving average of the weights (Polyak & Juditsky 1992).
        weight_decay: Share of a weight that is subtracted in every step, times the learning rate.
    """
    warmup = min(steps - 1, round(WARMUP_SHARE * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate,
        steps - warmup,
        warmup_target=learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    return TwoRateAdamW(
        low_lr_variables,
        learning_rate=schedule,
        weight_decay=weight_decay,
        use_ema=average,
        ema_momentum=max(0.0, min(MAX_AVERAGING_MOMENTUM, 1 - 1 / (AVERAGED_SHARE * steps))),
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

    def finalize_variable_values(self, var_list: Any) -> None:
        """Keep the weights; Keras would replace them by their averages after every epoch."""

    def assign_averages(self, variables: Sequence[keras.Variable]) -> None:
        """Replace weights by their moving averages.

        Args:
            variables: All variables that the optimizer was built for, in the same order.
        """
        super().finalize_variable_values(variables)
