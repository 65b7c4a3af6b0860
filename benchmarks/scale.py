"""What each step costs a photo, and so a million: `python benchmarks/scale.py --vgg16 FILE`.

Measures processor time, which other work on the machine disturbs less than the clock, of each
step at a small size, bytes of features, and bytes that workers who train together send each other.
Writes benchmarks/scale.md, from which docs/scale.md reckons on.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from fruit_caption.utils.startup import start_keras

start_keras()

import keras
import numpy as np

from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig
from fruit_caption.data import features
from fruit_caption.data.dataset import Batches, read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.evaluation.evaluate import encode_photos, predict
from fruit_caption.models.captioner import Captioner
from fruit_caption.training.trainer import prepare
from fruit_caption.utils import engines
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_name("scale.md")
PHOTOS = 128
MILLION = 1_000_000
STEPS = 6
FLOAT = 4
"""Bytes of a gradient."""
NETWORKS = {"1 Gbit/s": 1e9 / 8, "10 Gbit/s": 10e9 / 8, "100 Gbit/s": 100e9 / 8}
"""Bytes a second."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vgg16", default="imagenet")
    given = parser.parse_args()
    engines.FEW = PHOTOS + 1  # other processes' time would not be counted
    rows, models = [], {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenes = DataConfig(scenes=PHOTOS, writer="grammar")
        render = cost(lambda: generate_data(scenes, folder / "data"))
        rows.append(row("render a scene, rules write", render, _size(folder / "data/images")))
        rows.append(row("let the shipped GPT-2 write", _writing(folder), 0))
        for encoder, weights, size in (
            ("vgg16", given.vgg16, 224),
            ("efficientnet-lite0", "saved", 320),
        ):
            config = ModelConfig(encoder, weights, image_size=size)
            models[encoder] = one = _training(config, folder / "data")
            rows.append(row(f"look with {encoder}, {size} px", one.look, one.features))
            rows.append(row(f"an epoch of training on that, {encoder}", one.epoch, 0))
            rows.append(row(f"answer its questions, {encoder}", one.answers, 0))
    write_text(TABLE, "\n".join([*HEAD, *rows, "", *_sent(models)]) + "\n")
    print(TABLE.read_text())


HEAD = [
    f"Processor time of one photo, measured on {PHOTOS}, and reckoned up.",
    "",
    "| step | core seconds a photo | kB a photo | a million photos: core hours | GB |",
    "| --- | ---: | ---: | ---: | ---: |",
]


def row(what: str, seconds: float, size: float) -> str:
    """A line of the table, from what one photo costs in seconds and bytes."""
    hours, gigabytes = seconds * MILLION / 3600, size * MILLION / 1e9
    return f"| {what} | {seconds:.3f} | {size / 1e3:.0f} | {hours:.0f} | {gigabytes:.0f} |"


def cost(work: Callable[[], object]) -> float:
    """Processor seconds of a photo."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / PHOTOS


def _writing(folder: Path) -> float:
    """Writing alone: what is rendered already is kept. The first time loads and compiles."""
    scenes = DataConfig(scenes=PHOTOS, scene_size=64, seed=1)
    few = DataConfig(scenes=2, scene_size=64, seed=2)
    generate_data(DataConfig(scenes=PHOTOS, scene_size=64, seed=1, writer="grammar"), folder / "b")
    start = cost(lambda: generate_data(few, folder / "a"))
    return cost(lambda: generate_data(scenes, folder / "b")) - start


@dataclass(frozen=True)
class Training:
    """What a model costs: processor seconds of looking at a photo, of a photo in an epoch, and of
    the answers to its questions; bytes of its features; seconds of a step by the clock, and bytes
    of its gradients.
    """

    look: float
    epoch: float
    answers: float
    features: int
    step: float
    gradients: int


def _training(config: ModelConfig, folder: Path) -> Training:
    data = read_data(folder)
    keras.utils.set_random_seed(0)
    model = Captioner(config, data.vocabulary().words, data.fruits)
    examples = data.splits["train"]
    shown = [(example.path, features.PLAIN) for example in examples]
    cache = folder / "features"
    features.extract_features(
        model.frozen_encoder, shown[:16], config.image_size, cache
    )  # compiles
    again = PHOTOS / (len(shown) - 16)
    looking = cost(lambda: encode_photos(model, examples, cache)) * again
    files = encode_photos(model, examples, cache)
    training = TrainingConfig(views=1)
    grid = model.neck.output["density"].shape[1:3]
    batches = Batches(examples, files, model.vocabulary, model.fruits, grid, training, epoch=0)
    prepare(model.training_model, training, len(batches))
    model.training_model.train_on_batch(*batches[0])
    took = []
    began = time.process_time()
    for number in range(STEPS):
        clock = time.perf_counter()
        model.training_model.train_on_batch(*batches[number % (len(batches) - 1)])
        took.append(time.perf_counter() - clock)
    epoch = (time.process_time() - began) / STEPS / training.batch_size
    predict(model, examples[:32], files[:32])  # compiles
    answers = cost(lambda: predict(model, examples[:32], files[:32])) * PHOTOS / 32
    learns = sum(int(np.prod(one.shape)) for one in model.training_model.trainable_variables)
    size = files[0][0].stat().st_size
    return Training(looking, epoch, answers, size, median(took), FLOAT * learns)


def _sent(models: dict[str, Training]) -> list[str]:
    """What two who train together send each other at each step, beside how long that takes."""
    lines = [
        "Each of many who train together sends and receives its gradients about twice a step (a "
        "ring), 16 photos each:",
        "",
        f"| encoder | MB of gradients | a step, s | {' | '.join(f'{n}, s' for n in NETWORKS)} |",
        "| --- | ---: | ---: |" + " ---: |" * len(NETWORKS),
    ]
    for name, one in models.items():
        there = " | ".join(f"{2 * one.gradients / speed:.3f}" for speed in NETWORKS.values())
        lines.append(f"| {name} | {one.gradients / 1e6:.1f} | {one.step:.2f} | {there} |")
    return lines


def _size(folder: Path) -> float:
    """Bytes of a photo's file."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / len(files)


if __name__ == "__main__":
    main()
