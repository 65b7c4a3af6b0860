"""Measures what each step costs per photo, and thus for a million photos.

    python benchmarks/scale.py

Measures the processor time of each step at a small size, which depends less on other work on the
machine than the clock does; the bytes of features; and the bytes of gradients that workers exchange
in distributed training. Weights are random, which takes as long. Writes benchmarks/scale.md, on
which docs/scale.md builds.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from fruit_caption.utils.startup import start_keras

start_keras()

import numpy as np

from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig
from fruit_caption.data import features
from fruit_caption.data.augmentation import IDENTITY
from fruit_caption.data.batches import CachedViews, DetectionBatches
from fruit_caption.data.dataset import DataSet, Example, read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.evaluation.evaluate import predict
from fruit_caption.models.captioner import Captioner
from fruit_caption.training.stages import compile_model
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
RELEASED = "efficientnet-lite0, 320 px"
"""The model that ships; all of it is trained."""
PASSES = 80
"""Number of passes over the photos in its training."""
GPU_SPEED = 4200
"""Photos a second of its training on an NVIDIA H100 with JAX in bfloat16, as measured in the
experiment that its detector comes from."""
MODELS = {
    "vgg16, frozen, 224 px": ModelConfig("vgg16", "saved", freeze=True),
    RELEASED: ModelConfig("efficientnet-lite0", "saved", image_size=320),
}


@dataclass(frozen=True)
class ModelCost:
    """Costs of a model.

    Attributes:
        encode: Processor seconds to encode a photo and cache its features, if the encoder is
            frozen.
        feature_bytes: Size of the features of a photo, likewise.
        epoch: Processor seconds per photo of an epoch of the detector, on cached features or else
            on fresh views.
        views: Processor seconds per photo to read these features, or to make these views.
        answer: Processor seconds to open and encode a photo and answer the questions about it.
        step: Seconds of a training step by the clock.
        gradient_bytes: Size of the gradients.
    """

    encode: float
    feature_bytes: int
    epoch: float
    views: float
    answer: float
    step: float
    gradient_bytes: int


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    engines.MIN_PARALLEL_ITEMS = PHOTOS + 1  # time of other processes would not be counted
    rows, costs = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = DataConfig(scenes=PHOTOS, writer="grammar")
        seconds = seconds_per_photo(lambda: generate_data(scenes, folder / "data"))
        size = _mean_size(folder / "data/images")
        rows.append(_row("render a scene, texts by templates", seconds, size))
        rows.append(_row("texts by the shipped GPT-2", _measure_writer(folder), 0))
        for model, config in MODELS.items():
            costs[model] = cost = _measure_model(config, read_data(folder / "data"))
            if config.freeze:
                rows.append(_row(f"encode and cache, {model}", cost.encode, cost.feature_bytes))
            rows.append(_row(f"an epoch of the detector, {model}", cost.epoch, 0))
            rows.append(_row("of it, reading features or making views", cost.views, 0))
            rows.append(_row(f"answer the questions, {model}", cost.answer, 0))
    content = (
        f"Processor time per photo, measured on {PHOTOS} photos, and extrapolated.\n\n"
        f"{markdown.table(COST_COLUMNS, rows)}\n{_training_table(costs[RELEASED])}\n"
        f"{_gradient_table(costs)}"
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


def _measure_model(config: ModelConfig, data: DataSet) -> ModelCost:
    model = Captioner(config, data.vocabulary().words, data.fruits)
    examples = data.splits["train"]
    encode, cached = _measure_cache(model, data) if config.freeze else (0.0, None)
    epoch, views, step, weights = _measure_training(model, examples, cached)
    predict(model, examples[:32])  # traces encoder and decoder
    answer = seconds_per_photo(lambda: predict(model, examples[:32])) * PHOTOS / 32
    size = cached[0][0][1].stat().st_size if cached else 0
    return ModelCost(encode, size, epoch, views, answer, step, FLOAT_BYTES * weights)


def _measure_cache(model: Captioner, data: DataSet) -> tuple[float, CachedViews]:
    """Return the processor seconds per photo of filling the cache, and the cache."""
    photos = [(example.path, IDENTITY) for example in data.splits["train"]]

    def encode(some: Sequence[features.ViewOfPhoto]) -> list[Path]:
        cache = data.folder / features.FEATURES
        return features.cache_features(model.encoder, some, model.image_size, cache)

    encode(photos[:16])  # traces the encoder
    seconds = seconds_per_photo(lambda: encode(photos)) * PHOTOS / (len(photos) - 16)
    return seconds, [[(IDENTITY, file)] for file in encode(photos)]


def _measure_training(
    model: Captioner, examples: Sequence[Example], cached: CachedViews | None
) -> tuple[float, float, float, int]:
    """Return the costs of training.

    Returns:
        Processor seconds per photo, those of them that prepare batches, seconds per step, and the
        number of trained weights.
    """
    training, grid = TrainingConfig(), model.detector.output["center"].shape[1:3]
    trained = model.detector_training_model()
    batches = DetectionBatches(examples, model.image_size, training, 0, model.fruits, grid, cached)
    compile_model(trained, training.learning_rate, len(batches))
    trained.train_on_batch(*batches[0])  # traces the step
    start = time.process_time()
    prepared = [batches[number % (len(batches) - 1)] for number in range(STEPS)]
    views = (time.process_time() - start) / STEPS / training.batch_size
    steps = []
    start = time.process_time()
    for batch in prepared:
        clock = time.perf_counter()
        trained.train_on_batch(*batch)
        steps.append(time.perf_counter() - clock)
    epoch = views + (time.process_time() - start) / STEPS / training.batch_size
    weights = sum(int(np.prod(variable.shape)) for variable in trained.trainable_variables)
    return epoch, views, median(steps), weights


def _training_table(cost: ModelCost) -> str:
    """Format what the whole training of the released model takes with a million photos."""
    rows = []
    for device, speed in (
        ("a core", 1 / cost.epoch),
        ("a GPU", GPU_SPEED),
        ("eight GPUs", 8 * GPU_SPEED),
    ):
        hours, cores = PASSES * MILLION / speed / 3600, speed * cost.views
        rows.append([device, f"{speed:.0f}", f"{hours:,.0f}", f"{cores:.0f}"])
    return (
        f"{PASSES} passes of {RELEASED} over a million photos; beside each device, cores have to "
        "make the views.\n\n"
        + markdown.table(["device", "photos/s", "hours", "cores for views"], rows)
    )


def _gradient_table(costs: Mapping[str, ModelCost]) -> str:
    """Format the size of the gradients and how long each network takes to exchange them."""
    rows = [
        [
            model,
            f"{cost.gradient_bytes / 1e6:.1f}",
            f"{cost.step:.2f}",
            *(f"{2 * cost.gradient_bytes / speed:.3f}" for speed in NETWORKS.values()),
        ]
        for model, cost in costs.items()
    ]
    header = ["model", "gradients, MB", "a step, s", *(f"{name}, s" for name in NETWORKS)]
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
