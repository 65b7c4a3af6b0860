"""Measures what each step costs per photo, and thus for a million photos.

    python benchmarks/scale.py --vgg16 FILE

Measures the processor time of each step at a small size, which depends less on other work on the
machine than the clock does; the bytes of features; and the bytes of gradients that workers exchange
in distributed training. Writes benchmarks/scale.md, on which docs/scale.md builds.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from fruit_caption.utils.startup import start_keras

start_keras()

import keras
import numpy as np

from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig
from fruit_caption.data import features
from fruit_caption.data.batches import Batches
from fruit_caption.data.dataset import read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.evaluation.evaluate import encode_photos, predict
from fruit_caption.models.captioner import Captioner
from fruit_caption.training.trainer import compile_model
from fruit_caption.utils import engines, markdown
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_name("scale.md")
PHOTOS = 128
"""Number of photos that are measured."""
MILLION = 1_000_000
STEPS = 6
"""Number of training steps that are measured."""
FLOAT_BYTES = 4
"""Bytes of one value of a gradient."""
NETWORKS = {"1 Gbit/s": 1e9 / 8, "10 Gbit/s": 10e9 / 8, "100 Gbit/s": 100e9 / 8}
"""Bytes per second of each network."""
COST_COLUMNS = (
    "step",
    "core seconds per photo",
    "kB per photo",
    "core hours per million photos",
    "GB per million photos",
)


@dataclass(frozen=True)
class ModelCost:
    """Costs of a model.

    Attributes:
        encode: Processor seconds to encode a photo.
        epoch: Processor seconds per photo of an epoch on cached features.
        answer: Processor seconds to answer the questions about a photo.
        feature_bytes: Size of the features of a photo.
        step: Seconds of a training step by the clock.
        gradient_bytes: Size of the gradients.
    """

    encode: float
    epoch: float
    answer: float
    feature_bytes: int
    step: float
    gradient_bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vgg16", default="imagenet", help="file with weights of VGG16")
    args = parser.parse_args()
    engines.MIN_PARALLEL_ITEMS = PHOTOS + 1  # time of other processes would not be counted
    rows, costs = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = DataConfig(scenes=PHOTOS, writer="grammar")
        seconds = seconds_per_photo(lambda: generate_data(scenes, folder / "data"))
        size = _mean_size(folder / "data/images")
        rows.append(_row("render a scene, texts by templates", seconds, size))
        rows.append(_row("texts by the shipped GPT-2", _measure_writer(folder), 0))
        for encoder, weights, side in (
            ("vgg16", args.vgg16, 224),
            ("efficientnet-lite0", "saved", 320),
        ):
            config = ModelConfig(encoder, weights, image_size=side)
            costs[encoder] = cost = _measure_model(config, folder / "data")
            rows.append(_row(f"encode with {encoder}, {side} px", cost.encode, cost.feature_bytes))
            rows.append(_row(f"an epoch on these features, {encoder}", cost.epoch, 0))
            rows.append(_row(f"answer the questions, {encoder}", cost.answer, 0))
    content = (
        f"Processor time per photo, measured on {PHOTOS} photos, and extrapolated.\n\n"
        f"{markdown.table(COST_COLUMNS, rows)}\n{_gradient_table(costs)}"
    )
    write_text(TABLE, content)
    print(content)


def _row(step: str, seconds: float, size: float) -> list[str]:
    """Return the cells of a row, from the processor seconds and the bytes of one photo."""
    hours, gigabytes = seconds * MILLION / 3600, size * MILLION / 1e9
    return [step, f"{seconds:.3f}", f"{size / 1e3:.0f}", f"{hours:.0f}", f"{gigabytes:.0f}"]


def seconds_per_photo(function: Callable[[], object]) -> float:
    """Call a function that processes `PHOTOS` photos; return its processor seconds per photo."""
    start = time.process_time()
    function()
    return (time.process_time() - start) / PHOTOS


def _measure_writer(folder: Path) -> float:
    """Measure the language model alone: the scenes are rendered before, the start is subtracted."""
    scenes = DataConfig(scenes=PHOTOS, scene_size=64, seed=1)
    few = DataConfig(scenes=2, scene_size=64, seed=2)
    generate_data(replace(scenes, writer="grammar"), folder / "b")
    start = seconds_per_photo(lambda: generate_data(few, folder / "a"))
    return seconds_per_photo(lambda: generate_data(scenes, folder / "b")) - start


def _measure_model(config: ModelConfig, folder: Path) -> ModelCost:
    data = read_data(folder)
    keras.utils.set_random_seed(0)
    model = Captioner(config, data.vocabulary().words, data.fruits)
    examples = data.splits["train"]
    photos = [(example.path, features.IDENTITY) for example in examples]
    cache = folder / "features"
    # A first batch traces the encoder.
    features.cache_features(model.frozen_encoder, photos[:16], config.image_size, cache)
    encode = seconds_per_photo(lambda: encode_photos(model, examples, cache))
    encode *= PHOTOS / (len(photos) - 16)
    files = encode_photos(model, examples, cache)
    training = TrainingConfig(views=1)
    grid = model.neck.output["density"].shape[1:3]
    batches = Batches(examples, files, model.vocabulary, model.fruits, grid, training, epoch=0)
    compile_model(model.training_model, training, len(batches))
    model.training_model.train_on_batch(*batches[0])  # traces the step
    steps = []
    start = time.process_time()
    for number in range(STEPS):
        clock = time.perf_counter()
        model.training_model.train_on_batch(*batches[number % (len(batches) - 1)])
        steps.append(time.perf_counter() - clock)
    epoch = (time.process_time() - start) / STEPS / training.batch_size
    predict(model, examples[:32], files[:32])  # traces the decoder
    answer = seconds_per_photo(lambda: predict(model, examples[:32], files[:32])) * PHOTOS / 32
    weights = sum(
        int(np.prod(variable.shape)) for variable in model.training_model.trainable_variables
    )
    size = files[0][0].stat().st_size
    return ModelCost(encode, epoch, answer, size, median(steps), FLOAT_BYTES * weights)


def _gradient_table(costs: Mapping[str, ModelCost]) -> str:
    """Format the size of the gradients and how long each network takes to exchange them."""
    rows = [
        [
            encoder,
            f"{cost.gradient_bytes / 1e6:.1f}",
            f"{cost.step:.2f}",
            *(f"{2 * cost.gradient_bytes / speed:.3f}" for speed in NETWORKS.values()),
        ]
        for encoder, cost in costs.items()
    ]
    header = ["encoder", "gradients, MB", "a step, s", *(f"{name}, s" for name in NETWORKS)]
    return (
        "In a ring of many workers, each sends and receives its gradients about twice per step of "
        "16 photos.\n\n" + markdown.table(header, rows)
    )


def _mean_size(folder: Path) -> float:
    """Mean size of the files in a folder, in bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes) / len(sizes)


if __name__ == "__main__":
    main()
