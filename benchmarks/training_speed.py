"""Measures the speed of training, beside the bare forward and backward pass.

    python benchmarks/training_speed.py
    KERAS_BACKEND=jax python benchmarks/training_speed.py --photos data/release --steps 100

Trains the detector with EfficientNet-Lite0 at 320 pixels: JPEG files in fresh views, optimizer,
averaged weights. The reference computes the same losses and their gradients in one compiled
function, for one batch in memory. Both alternate; figures are medians. Runs on the backend and the
device that Keras uses, and prints a row of Markdown. Weights are random, which takes as long.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from fruit_caption.utils.startup import start_keras

start_keras()

import keras
import numpy as np

from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig
from fruit_caption.data.batches import Batch, DetectionBatches
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.models.captioner import Captioner
from fruit_caption.training.distribution import SINGLE_WORKER
from fruit_caption.training.stages import LOSS_WEIGHTS, compile_model, dtype_policy
from fruit_caption.utils import markdown

SIZE = 320
"""Side of the pictures in pixels."""
SCENES = 64
"""Number of rendered photos if no data set is given."""
ROUNDS = 5
PASSES, MANY_PHOTOS = 80, 10_000
"""Training whose duration is extrapolated."""
COLUMNS = (
    "backend",
    "device",
    "precision",
    "batch",
    "bare, photos/s",
    "training, photos/s",
    "ratio",
    f"minutes for {PASSES} passes over {MANY_PHOTOS:,} photos",
)

Tensors = Mapping[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, help="data set; by default, scenes are rendered")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10, help="steps per measurement")
    parser.add_argument("--mixed-precision", action="store_true", help="compute in bfloat16")
    args = parser.parse_args()
    policy = "mixed_bfloat16" if args.mixed_precision else "float32"
    with tempfile.TemporaryDirectory() as folder:
        data = read_data(args.photos or _render_scenes(Path(folder)))
        bare, training = measure(data, args.batch_size, args.steps, policy)
    row = [
        keras.backend.backend(),
        device(),
        policy,
        f"{args.batch_size}",
        f"{bare:.1f}",
        f"{training:.1f}",
        f"{training / bare:.2f}",
        f"{PASSES * MANY_PHOTOS / training / 60:.0f}",
    ]
    print(markdown.table(COLUMNS, [row], align="lllrrrrr"), end="")


def _render_scenes(folder: Path) -> Path:
    generate_data(DataConfig(scenes=SCENES, scene_size=SIZE, writer="grammar"), folder)
    return folder


def measure(data: DataSet, batch_size: int, steps: int, policy: str) -> tuple[float, float]:
    """Return the photos per second of the bare passes and of training."""
    config = TrainingConfig(batch_size=batch_size)
    with dtype_policy(policy):
        captioner = Captioner(
            ModelConfig("efficientnet-lite0", "saved", image_size=SIZE), (), data.fruits
        )
        model = captioner.detector_training_model()
    compile_model(model, config.learning_rate, 1000 * steps, captioner.encoder.trainable_variables)
    grid = captioner.detector.output["center"].shape[1:3]
    batches = DetectionBatches(data.splits["train"], SIZE, config, 0, data.fruits, grid)
    batches.order = np.resize(batches.order, steps * batch_size)
    step = bare_step(model, batches[0])

    def run_bare() -> None:
        losses = [step() for _ in range(steps)]
        keras.ops.convert_to_numpy(losses[-1])  # waits for the device

    def train() -> None:
        SINGLE_WORKER.fit(model, batches, 0, [])

    run_bare()  # compiles
    train()
    times = [(_time(run_bare), _time(train)) for _ in range(ROUNDS)]
    photos = steps * batch_size
    bare, training = (photos / median(seconds) for seconds in zip(*times, strict=True))
    return bare, training


def bare_step(model: keras.Model, batch: Batch) -> Callable[[], Any]:
    """Return a function that computes losses and gradients for a batch and returns the loss.

    Args:
        model: A compiled training model. Its weights stay the same.
        batch: The batch, which is copied to the device now.
    """
    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
    builders = {"tensorflow": _tensorflow_step, "jax": _jax_step}
    if keras.backend.backend() not in builders:
        raise SystemExit("Set KERAS_BACKEND to tensorflow or jax.")
    step = builders[keras.backend.backend()](model)
    return lambda: step(*tensors)


def _tensorflow_step(model: keras.Model) -> Callable[..., Any]:
    import tensorflow as tf

    def loss_and_gradients(inputs: Tensors, targets: Tensors, weights: Tensors) -> Any:
        with tf.GradientTape() as tape:
            loss = _total_loss(model, model(inputs, training=True), targets, weights)
        return loss, tape.gradient(loss, [v.value for v in model.trainable_variables])

    compiled = tf.function(loss_and_gradients, jit_compile=model.jit_compile)  # as `fit` does
    return lambda *batch: compiled(*batch)[0]


def _jax_step(model: keras.Model) -> Callable[..., Any]:
    import jax

    def loss_of(
        trainable: Any, others: Any, inputs: Tensors, targets: Tensors, weights: Tensors
    ) -> Any:
        outputs, others = model.stateless_call(trainable, others, inputs, training=True)
        return _total_loss(model, outputs, targets, weights), others

    loss_and_gradients = jax.jit(jax.value_and_grad(loss_of, has_aux=True))

    def step(*batch: Tensors) -> Any:
        # `fit` replaces the variables after each call, so they are looked up here.
        trainable = [v.value for v in model.trainable_variables]
        others = [v.value for v in model.non_trainable_variables]
        (loss, _), _ = loss_and_gradients(trainable, others, *batch)
        return loss

    return step


def _total_loss(model: keras.Model, outputs: Tensors, targets: Tensors, weights: Tensors) -> Any:
    return sum(
        LOSS_WEIGHTS[name] * loss(targets[name], outputs[name], sample_weight=weights[name])
        for name, loss in model.loss.items()
    )


def device() -> str:
    """Name of the device that Keras uses."""
    name = keras.distribution.list_devices()[0]
    if "cpu" in name.lower():
        return f"CPU, {os.cpu_count()} cores"
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    return subprocess.run(query, capture_output=True, text=True).stdout.splitlines()[0]


def _time(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
