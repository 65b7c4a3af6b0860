"""Distributed data-parallel training with `tf.distribute`, on several GPUs or machines.

Each replica processes a part of every batch and the gradients are summed, so all replicas keep the
weights that a single worker would have after whole batches. One worker, the chief, makes the
decisions and writes the files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import keras
import numpy as np

from fruit_caption.data.batches import Batches
from fruit_caption.utils.errors import FruitError, RunError

Strategy = Literal["mirrored", "multi-worker"]

PREFETCH = 4
"""Number of batches that are prepared ahead of the training step."""


class WorkerGroup:
    """The workers that train one model together.

    Args:
        strategy: "mirrored" for the GPUs of this machine, "multi-worker" for the machines that the
            environment variable TF_CONFIG lists, None for this process alone. A multi-worker group
            must be created before TensorFlow does anything else.
        devices: Devices for "mirrored", such as "GPU:0"; by default all GPUs.

    Attributes:
        is_chief: True if this process is the chief, which makes decisions and writes files.

    Raises:
        FruitError: TF_CONFIG is missing or invalid, or Keras runs on another backend.
    """

    def __init__(
        self, strategy: Strategy | None = None, devices: Sequence[str] | None = None
    ) -> None:
        self._strategy: Any = None
        self.is_chief = True
        if strategy is None:  # TensorFlow isn't imported unless it is needed
            return
        if keras.backend.backend() != "tensorflow":
            raise FruitError(
                f"Distributed training needs the TensorFlow backend of Keras, and this is "
                f"{keras.backend.backend()}."
            )
        import tensorflow as tf

        if strategy == "mirrored":
            self._strategy = tf.distribute.MirroredStrategy(devices)
        else:
            self.is_chief = _worker_index() == 0
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
            patch_keras_20585(self._strategy)

    @property
    def is_distributed(self) -> bool:
        """True if there are other processes or GPUs."""
        return self._strategy is not None

    def scope(self) -> Any:
        """Return the context in which a distributed model must be created and compiled."""
        return self._strategy.scope() if self._strategy else nullcontext()

    def fit(
        self, model: keras.Model, batches: Batches, epoch: int, callbacks: list[Any]
    ) -> dict[str, float]:
        """Train for one epoch.

        Args:
            model: A model that was created and compiled in `scope`; its losses must be sums.
            batches: The batches of the epoch, which are split among the replicas.
            epoch: The number of the epoch, from 0.
            callbacks: Keras callbacks.

        Returns:
            The logs of the epoch by name.

        Raises:
            PictureError: A photo can't be read.
        """
        data, steps = batches, None
        if self._strategy:
            steps = len(batches)
            data = self._strategy.distribute_datasets_from_function(
                lambda context: _local_dataset(batches, context)
            )
        try:
            history = model.fit(
                data,
                steps_per_epoch=steps,
                initial_epoch=epoch,
                epochs=epoch + 1,
                shuffle=False,  # the batches are shuffled already
                callbacks=callbacks,
                verbose=0,
            )
        except Exception:
            if batches.error:  # TensorFlow wraps it in an error of its own
                raise batches.error from None
            raise
        return {name: values[-1] for name, values in history.history.items()}

    def broadcast(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the chief's values on all workers.

        All workers must call this at the same point, with arrays of the same shapes and types.
        """
        if not _is_multi_worker(self._strategy):
            return list(values)
        import tensorflow as tf

        # Summing is enough, because all workers but the chief contribute zeros.
        terms = [tf.constant(v if self.is_chief else np.zeros_like(v)) for v in values]
        add = tf.function(lambda: tf.distribute.get_replica_context().all_reduce("SUM", terms))
        local = self._strategy.experimental_local_results
        return [np.asarray(local(value)[0]) for value in self._strategy.run(add)]

    def barrier(self) -> None:
        """Wait until all workers have reached this point."""
        self.broadcast([np.zeros(1, "float32")])

    @contextmanager
    def report_lost_workers(self) -> Iterator[None]:
        """Turn TensorFlow's errors about a lost worker into a `RunError`.

        Raises:
            RunError: If another worker has stopped.
        """
        try:
            yield
        except Exception as error:
            if self.is_distributed and _is_lost_worker(error):
                raise RunError("Another worker has stopped.", "worker-lost") from error
            raise


SINGLE_WORKER = WorkerGroup()


def _worker_index() -> int:
    """The number of this worker in TF_CONFIG; worker 0 is the chief."""
    try:
        config = json.loads(os.environ["TF_CONFIG"])
        workers, index = config["cluster"]["worker"], config["task"]["index"]
        if set(config["cluster"]) == {"worker"} and 0 <= index < len(workers):
            return int(index)
    except (KeyError, TypeError, ValueError):
        pass
    raise FruitError(
        "The environment variable TF_CONFIG must list the workers and the index of this one: "
        '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}.',
        "no-cluster-config",
    )


def _is_multi_worker(strategy: Any) -> bool:
    if strategy is None:
        return False
    import tensorflow as tf

    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _is_lost_worker(error: Exception) -> bool:
    """Whether TensorFlow raised an error because another worker has gone away."""
    from tensorflow import errors

    return isinstance(
        error,
        errors.AbortedError
        | errors.CancelledError
        | errors.DeadlineExceededError
        | errors.InternalError
        | errors.UnavailableError,
    )


def _local_dataset(batches: Batches, context: Any) -> Any:
    """The parts of all batches for the replicas of this process, one after the other."""
    import tensorflow as tf

    parts = context.num_replicas_in_sync
    local_parts = parts // context.num_input_pipelines
    first = context.input_pipeline_id * local_parts
    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0]
    )
    return tf.data.Dataset.from_generator(
        lambda: (
            batches.shard(index, number, parts)
            for index in range(len(batches))
            for number in range(first, first + local_parts)
        ),
        output_signature=signature,
    ).prefetch(PREFETCH)


def synchronize_batch_norm(model: keras.Model) -> None:
    """Make batch normalization use the statistics of whole batches, not of a worker's part."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def patch_keras_20585(strategy: Any) -> None:
    """Make `fit` work with several processes despite keras-team/keras#20585.

    Keras 3.15's trainer fails in two places with a `MultiWorkerMirroredStrategy`:

    - Before the first step it builds the model with the mean of a batch over all workers.
      TensorFlow can't compute that for a tuple of dictionaries. The part of any worker is enough.
    - After each step it averages the losses along their first axis, but a loss is a scalar.

    Args:
        strategy: The strategy in use. If Keras can average scalars with it, the bug is fixed and
            nothing is patched.
    """
    import tensorflow as tf
    from keras.src.backend.tensorflow import trainer

    try:
        trainer.reduce_per_replica(tf.zeros(()), strategy, "mean")
        return
    except (ValueError, tf.errors.InvalidArgumentError):
        original_reduce = trainer.reduce_per_replica
    original_build = trainer.TensorFlowTrainer._maybe_symbolic_build

    def reduce_per_replica(values: Any, strategy: Any, reduction: str) -> Any:
        if reduction not in ("auto", "mean") or not _is_multi_worker(strategy):
            return original_reduce(values, strategy, reduction)
        return keras.tree.map_structure(lambda v: strategy.reduce("MEAN", v, axis=None), values)

    def build_from_local_part(self: Any, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None and _is_multi_worker(self.distribute_strategy):
            local = self.distribute_strategy.experimental_local_results
            _, _, batches = next(iter(iterator))
            data_batch = keras.tree.map_structure(lambda v: local(v)[0], next(batches))
            iterator = None
        original_build(self, iterator, data_batch)

    trainer.reduce_per_replica = reduce_per_replica
    trainer.TensorFlowTrainer._maybe_symbolic_build = build_from_local_part
