"""One stage of a training: epochs with validation, early stopping, and files to resume from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import keras
import numpy as np

from fruit_caption.data.batches import Batches
from fruit_caption.models.detector import CenterLoss
from fruit_caption.runs import Stage
from fruit_caption.training.optimizer import cosine_adamw

SPARSE_OUTPUTS = ("kind", "logits")
"""Outputs whose targets are indices of classes."""

LOSS_WEIGHTS = {"center": 1.0, "kind": 1.0, "label": 0.5, "logits": 1.0}
"""Weight of the loss of each output."""


@dataclass
class StagePlan:
    """What a stage trains.

    Attributes:
        name: Name of the stage.
        model: The model to train, compiled by `compile_model`.
        batches: Returns the batches of an epoch.
        validate: Returns the score of the weights so far, 0 to 1; called on the chief only.
        num_cases: Number of validation questions, or of whatever else the score is a share of.
        epochs: Maximum number of epochs.
        learning_rate: Highest learning rate.
        weight_decay: See `optimizer.cosine_adamw`.
        history: One row per finished epoch.
    """

    name: Stage
    model: keras.Model
    batches: Callable[[int], Batches]
    validate: Callable[[], float]
    num_cases: int
    epochs: int
    learning_rate: float
    weight_decay: float = 1e-4
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def scores(self) -> list[float]:
        """The score of each finished epoch."""
        return [row["validation"] for row in self.history]

    @property
    def kept_epoch(self) -> int:
        """Index of the epoch whose weights are kept.

        It is the latest one whose score is at most one standard error below the highest. With few
        validation photos, an early epoch can be the best by chance, and as the learning rate falls,
        later weights are usually better. The standard error is computed as if there were one more
        right and one more wrong case, because none at all doesn't prove that it is zero.
        """
        best, cases = max(self.scores), self.num_cases + 2
        share = (best * self.num_cases + 1) / cases
        standard_error = sqrt(share * (1 - share) / cases)
        return max(i for i, score in enumerate(self.scores) if score >= best - standard_error)

    def is_finished(self, patience: int) -> bool:
        """Whether all epochs are done, or the last `patience` epochs brought no improvement."""
        last = len(self.scores) - 1
        if last < 0 or last >= self.epochs - 1:
            return last >= self.epochs - 1
        return last - self.scores.index(max(self.scores)) >= patience


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Create layers with a dtype policy, such as "mixed_bfloat16", while the block runs."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)


def compile_model(
    model: keras.Model,
    learning_rate: float,
    steps: int,
    low_lr_variables: Iterable[keras.Variable] = (),
    weight_decay: float = 1e-4,
) -> None:
    """Compile a training model with the losses of its outputs.

    The losses are sums; `Batches` provides weights that turn them into means.

    Args:
        model: The output of `Captioner.detector_training_model` or `decoder_training_model`.
        learning_rate: Highest learning rate.
        steps: Number of steps of the whole stage.
        low_lr_variables: Variables to train with a reduced learning rate.
        weight_decay: See `optimizer.cosine_adamw`.
    """
    losses: dict[str, keras.losses.Loss] = {
        "center": CenterLoss(reduction="sum"),
        "kind": keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
        "label": keras.losses.CategoricalCrossentropy(reduction="sum"),
        "logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
    }
    model.compile(
        optimizer=cosine_adamw(learning_rate, steps, low_lr_variables, True, weight_decay),
        loss={name: losses[name] for name in model.output},
        loss_weights={name: LOSS_WEIGHTS[name] for name in model.output},
    )
    # Create the variables of optimizer and metrics now; otherwise TensorFlow traces the training
    # step twice.
    model.optimizer.build(model.trainable_variables)
    outputs = {
        name: np.zeros([size or 1 for size in output.shape], "float32")
        for name, output in model.output.items()
    }
    targets = {
        name: array[..., 0] if name in SPARSE_OUTPUTS else array for name, array in outputs.items()
    }
    model.compute_loss(y=targets, y_pred=outputs)
