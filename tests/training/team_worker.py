"""One who trains in a process of its own: `python team_worker.py SETTINGS RUN LOSSES [resume]`.

Writes the loss of every step to LOSSES, a line each, as it goes. It belongs to the team that the
variable TF_CONFIG lists, if there is one.
"""

import json
import os
import sys
from pathlib import Path

from fruit_caption.runs import Run
from fruit_caption.training.distribution import WorkerGroup

if __name__ == "__main__":
    settings, run, losses = map(Path, sys.argv[1:4])
    if os.environ.get("MIRRORED"):
        import tensorflow as tf

        [processor] = tf.config.list_physical_devices("CPU")
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(processor, halves)
        team = WorkerGroup("mirrored", ["CPU:0", "CPU:1"])
    else:
        team = WorkerGroup("multi-worker" if "TF_CONFIG" in os.environ else None)

    import keras

    # In single precision, what rounding does differently doubles every few steps.
    keras.config.set_floatx("float64")

    from fruit_caption.config import RunConfig
    from fruit_caption.training.trainer import TrainingListener, train
    from fruit_caption.utils.errors import FruitError

    class Recorder(keras.callbacks.Callback):
        """Of what each step of an epoch loses; Keras tells the mean of those so far."""

        def on_train_batch_end(self, batch, logs=None):
            with losses.open("a") as file:
                file.write(f"{logs['loss']:.9f}\n")

    class Recording(TrainingListener):
        def keras_callbacks(self, what):
            return [Recorder()] if what.startswith("epoch") else []

    config = RunConfig.from_json(json.loads(settings.read_text()))
    try:
        train(config, Run(run), "resume" in sys.argv, Recording(), team=team)
    except FruitError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
