"""Trains in a process of its own: `python distributed_worker.py CONFIG RUN LOSSES [resume]`.

Appends the loss of every training step to the file LOSSES. With the environment variable TF_CONFIG
it is one of several workers; with MIRRORED it trains on two logical CPUs.
"""

import json
import os
import sys
from pathlib import Path

from fruit_caption.runs import Run
from fruit_caption.training.distribution import WorkerGroup

if __name__ == "__main__":
    config_file, run, losses = map(Path, sys.argv[1:4])
    if os.environ.get("MIRRORED"):
        import tensorflow as tf

        [cpu] = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, logical)
        workers = WorkerGroup("mirrored", ["CPU:0", "CPU:1"])
    else:
        workers = WorkerGroup("multi-worker" if "TF_CONFIG" in os.environ else None)

    import keras

    # In single precision, rounding differences double every few steps.
    keras.config.set_floatx("float64")

    from fruit_caption.config import RunConfig
    from fruit_caption.training.trainer import TrainingListener, train
    from fruit_caption.utils.errors import FruitError

    class LossWriter(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            with losses.open("a") as file:
                file.write(f"{logs['loss']:.9f}\n")

    class LossListener(TrainingListener):
        def keras_callbacks(self, phase):
            return [LossWriter()] if "epoch" in phase else []

    config = RunConfig.from_json(json.loads(config_file.read_text()))
    try:
        train(config, Run(run), "resume" in sys.argv, LossListener(), workers=workers)
    except FruitError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
