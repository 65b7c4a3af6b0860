"""Saves training state so that an interrupted training resumes to the same result."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import keras

from fruit_caption.utils.files import atomic_write

HDF5_OVERHEAD = 2**20
"""Maximum number of bytes that a weights file takes in addition to the weights themselves."""


def seed_dropout(model: keras.Model, seed: int, step: int) -> None:
    """Make dropout depend on a seed and a step only.

    Keras does not save its random state, so a resumed training would otherwise draw other masks
    than an uninterrupted one.

    Args:
        model: The model to be trained.
        seed: The seed of the training.
        step: A number that differs between all calls of one training.
    """
    states = [v for v in model.variables if v.name == "seed_generator_state"]
    for number, state in enumerate(states):
        state.assign([seed + number, step])


def save_state(model: keras.Model, path: Path) -> None:
    """Write the weights of a model and of its optimizer to a file, atomically.

    Args:
        model: A compiled model.
        path: The weights file.

    Raises:
        FruitError: If the folder can't be written to, or the disk is full.
    """
    size = weights_file_size([*model.variables, *model.optimizer.variables])
    with atomic_write(path, size) as draft:
        model.save_weights(draft)


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights of a model alone to a file, atomically.

    Raises:
        FruitError: If the folder can't be written to, or the disk is full.
    """
    with atomic_write(path, weights_file_size(model.variables)) as draft:
        model.save_weights(draft)


def weights_file_size(variables: Iterable[keras.Variable]) -> int:
    """Maximum size in bytes of a weights file with these variables."""
    return sum(4 * math.prod(variable.shape) for variable in variables) + HDF5_OVERHEAD
