"""Several train one model: the GPUs of a machine, or machines, with TensorFlow's `tf.distribute`.

Each takes its part of every batch, and gradients are added up over all of them, so that all have
the weights that one who took whole batches would have. One of them, the chief, decides and writes;
the others only help it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from fruit_caption.data.dataset import Batches
from fruit_caption.utils.errors import FruitError, RunError

Strategy = Literal["mirrored", "multi-worker"]

GONE = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)
"""What TensorFlow raises when somebody whom it waits for is no longer there."""

AHEAD = 4
"""Batches that are made while one is trained on."""


class WorkerGroup:
    """Those who train together.

    Args:
        strategy: "mirrored" for the GPUs of this machine, "multi-worker" for the machines that the
            variable TF_CONFIG lists; without one, this process alone. The second must be made
            before TensorFlow does anything else.
        devices: for "mirrored", such as "GPU:0"; all GPUs, if none are named.

    Attributes:
        leads: whether this process is the chief, which decides and writes.

    Raises:
        FruitError: TF_CONFIG is missing or makes no sense.
    """

    def __init__(
        self, strategy: Strategy | None = None, devices: Sequence[str] | None = None
    ) -> None:
        self._strategy: Any = None
        self.is_chief = True
        if strategy == "mirrored":
            self._strategy = tf.distribute.MirroredStrategy(devices)
        elif strategy == "multi-worker":
            self.is_chief = _place() == 0
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
            patch_keras_20585(self._strategy)

    @property
    def is_one(self) -> bool:
        """Whether there is nobody else, not even another GPU."""
        return self._strategy is None

    def scope(self) -> Any:
        """Where a model is made that is trained together."""
        return self._strategy.scope() if self._strategy else nullcontext()

    def fit(self, model: keras.Model, batches: Batches, epoch: int, callbacks: list[Any]) -> Any:
        """Train for an epoch; the history that Keras gives.

        Args:
            model: made and compiled in `scope`, with losses that add up.
            batches: of the epoch; each is dealt out.
            epoch: its number.
            callbacks: told of every step.
        """
        # Batches have their own order.
        how = {"shuffle": False, "verbose": 0, "initial_epoch": epoch, "epochs": epoch + 1}
        if self._strategy is None:
            return model.fit(batches, callbacks=callbacks, **how)
        data = self._strategy.distribute_datasets_from_function(
            lambda context: _parts(batches, context)
        )
        return model.fit(data, steps_per_epoch=len(batches), callbacks=callbacks, **how)

    def broadcast(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The chief's values, for everybody.

        All must ask for them at the same time, with arrays of the same shapes and types.
        """
        if not _is_several_processes(self._strategy):
            return list(values)
        ours = [np.asarray(value) if self.is_chief else np.zeros_like(value) for value in values]

        given = [tf.constant(value) for value in ours]
        add = tf.function(lambda: tf.distribute.get_replica_context().all_reduce("SUM", given))
        local = self._strategy.experimental_local_results
        return [np.asarray(local(value)[0]) for value in self._strategy.run(add)]

    def barrier(self) -> None:
        """Go on when all have come here."""
        self.broadcast([np.zeros(1, "float32")])

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is done by all.

        Raises:
            RunError: one of the others has stopped.
        """
        try:
            yield
        except GONE as error:
            if self.is_one:
                raise
            raise RunError("Another worker has stopped.", "worker-lost") from error


SINGLE_WORKER = WorkerGroup()


def _place() -> int:
    """This worker's number in TF_CONFIG; the first is the chief."""
    try:
        told = json.loads(os.environ["TF_CONFIG"])
        workers, task = told["cluster"]["worker"], told["task"]
        if set(told["cluster"]) == {"worker"} and 0 <= task["index"] < len(workers):
            return int(task["index"])
    except (KeyError, TypeError, ValueError):
        pass
    raise FruitError(
        "The environment variable TF_CONFIG must list the workers and say which one this is: "
        '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}.',
        "no-cluster-config",
    )


def _is_several_processes(strategy: Any) -> bool:
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _parts(batches: Batches, context: Any) -> Any:
    """The parts of all batches that are for the replicas of this process, one after the other."""
    parts = context.num_replicas_in_sync
    here = parts // context.num_input_pipelines
    first = context.input_pipeline_id * here
    spec = keras.tree.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0]
    )
    return tf.data.Dataset.from_generator(
        lambda: (
            batches.part(index, number, parts)
            for index in range(len(batches))
            for number in range(first, first + here)
        ),
        output_signature=spec,
    ).prefetch(AHEAD)


def synchronize_batch_norm(model: keras.Model) -> None:
    """Let batch normalization go by whole batches, not by the part that a worker has."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def patch_keras_20585(strategy: Any) -> None:
    """Make `fit` work for several processes, where Keras can't yet (keras-team/keras#20585).

    Keras 3.15's trainer fails at two places with a `MultiWorkerMirroredStrategy`. Before the first
    step it builds the model with the mean of a batch over all workers, of which TensorFlow can
    take none while it is a tuple of dictionaries; any worker's part would do. After each step it
    takes the mean of the losses along their first axis, and a loss, a scalar, has none.

    Args:
        strategy: Keras is left as it is if it can take the mean of scalars with it, as it will be
            once it is mended.
    """
    from keras.src.backend.tensorflow import trainer

    try:
        trainer.reduce_per_replica(tf.zeros(()), strategy, "mean")
        return
    except (ValueError, tf.errors.InvalidArgumentError):
        reduce_per_replica = trainer.reduce_per_replica

    def reduce(values: Any, strategy: Any, reduction: str) -> Any:
        if reduction not in ("auto", "mean") or not _is_several_processes(strategy):
            return reduce_per_replica(values, strategy, reduction)
        return keras.tree.map_structure(lambda v: strategy.reduce("MEAN", v, axis=None), values)

    build = trainer.TensorFlowTrainer._maybe_symbolic_build

    def build_from_part(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None and _is_several_processes(self.distribute_strategy):
            local = self.distribute_strategy.experimental_local_results
            _, _, batches = next(iter(iterator))
            data_batch = keras.tree.map_structure(lambda v: local(v)[0], next(batches))
            iterator = None
        build(self, iterator, data_batch)

    trainer.reduce_per_replica = reduce
    trainer.TensorFlowTrainer._maybe_symbolic_build = build_from_part
