"""Measures how costs grow with photos, questions, picture size and words.

    python benchmarks/growth.py

Measures processor time, which depends less on other work on the machine than the clock does. Prints
how much more the largest size costs than the smallest, beside the ratio of the sizes, and draws
benchmarks/growth.png.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from fruit_caption.utils.startup import start_keras

start_keras()

import keras
import numpy as np

from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig
from fruit_caption.data.batches import DetectionBatches
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.language import templates
from fruit_caption.language.fruits import FRUITS
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import decode
from fruit_caption.training.pretraining import synthetic_words
from fruit_caption.training.stages import compile_model
from fruit_caption.utils import engines
from fruit_caption.utils.plotting import BLUE, INK, VERMILION, new_figure

PICTURE = Path(__file__).with_name("growth.png")
PHOTOS = (500, 1000, 2000, 5000)
QUESTIONS = (1, 2, 4, 8, 16)
SIDES = (96, 160, 224, 320, 448)
WORDS = (100, 300, 1000, 3000, 10000)
ROUNDS = 5
FRUIT_NAMES = tuple(FRUITS)[:16]


@dataclass(frozen=True)
class Growth:
    """Costs of one or more tasks at several sizes.

    Attributes:
        title: What the sizes are, for the axis of the plot.
        sizes: The sizes, in ascending order.
        seconds: Processor seconds at each size, by task.
        work: Function from a size to the amount of work; a picture has the square of its side.
    """

    title: str
    sizes: Sequence[int]
    seconds: dict[str, list[float]]
    work: Callable[[int], float] = float

    def __str__(self) -> str:
        ratio = self.work(self.sizes[-1]) / self.work(self.sizes[0])
        costs = [f"{task} {s[-1] / s[0]:.1f} times" for task, s in self.seconds.items()]
        return (
            f"{self.title}, {self.sizes[0]} to {self.sizes[-1]}: "
            f"{', '.join(costs)} the cost for {ratio:.1f} times as much"
        )


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        growths = []
        for measure in (measure_photos, measure_questions, measure_sides, measure_words):
            growths.append(measure(Path(folder)))
            print(growths[-1], flush=True)
    _draw(growths)


def measure_photos(folder: Path) -> Growth:
    """Measure making a data set of scenes at 64 pixels, and an epoch of a scratch CNN on it.

    The epoch trains the detector on fresh views.
    """
    engines.MIN_PARALLEL_ITEMS = max(PHOTOS) + 1  # time of other processes would not be counted
    seconds: dict[str, list[float]] = {"generate-data": [], "an epoch of training": []}
    for number in PHOTOS:
        out = folder / f"{number}"
        config = DataConfig(scenes=number, scene_size=64, writer="grammar")
        seconds["generate-data"].append(_time(generate_data, config, out))
        data = read_data(out)
        seconds["an epoch of training"].append(_time_epoch(data))
    return Growth("photos", PHOTOS, seconds)


def measure_questions(_: Path) -> Growth:
    """Measure answering questions about one photo in one batch."""
    model = _model(320)
    encoding = model.encoder_fn()(np.zeros((1, 320, 320, 3), "uint8"))
    questions = [templates.question("count", fruit) for fruit in FRUIT_NAMES]
    seconds = [_median_time(decode, model, encoding, [questions[:n]]) for n in QUESTIONS]
    return Growth("questions about a photo", QUESTIONS, {"answering": seconds})


def measure_sides(_: Path) -> Growth:
    """Measure encoding one picture."""
    seconds = []
    for side in SIDES:
        encode, pixels = _model(side).encoder_fn(), np.zeros((1, side, side, 3), "uint8")
        seconds.append(_median_time(encode, pixels))
    return Growth("side of a picture, pixels", SIDES, {"encoding": seconds}, lambda side: side**2)


def measure_words(_: Path) -> Growth:
    """Measure a step of the decoder, for 8 questions about each of 16 photos."""
    seconds = []
    for number in WORDS:
        model = _model(96, tuple(f"word{n}" for n in range(number)))
        encoding = model.encoder_fn()(np.zeros((16, 96, 96, 3), "uint8"))
        inputs = {name: encoding[name] for name in model.decoder_inputs}
        inputs["words"] = np.full((16, 8, 1), 5, "int32")
        seconds.append(_median_time(model.decode_step, inputs))
    return Growth("words in the vocabulary", WORDS, {"a word of 128 answers": seconds})


def _model(
    side: int, words: tuple[str, ...] = synthetic_words(FRUIT_NAMES, varied=False)
) -> Captioner:
    keras.utils.set_random_seed(0)
    config = ModelConfig("efficientnet-lite0", "saved", image_size=side)
    model = Captioner(config, words, FRUIT_NAMES)
    # With random weights answers would hardly ever end; those of a trained model have some six
    # words.
    bias = model.decoder.get_layer("logits").bias
    bias.assign(bias + 0.3 * (np.arange(bias.shape[0]) == model.vocabulary.end_id))
    return model


def _time_epoch(data: DataSet) -> float:
    training = TrainingConfig()
    config = ModelConfig("scratch", "none", image_size=64, channels=32, units=64)
    model = Captioner(config, data.vocabulary().words, data.fruits)
    trained, grid = model.detector_training_model(), model.detector.output["center"].shape[1:3]
    batches = DetectionBatches(data.splits["train"], 64, training, 0, model.fruits, grid)
    compile_model(trained, training.learning_rate, len(batches))
    trained.train_on_batch(*batches[0])  # traces the step
    return _time(partial(trained.fit, batches, shuffle=False, verbose=0))


def _time(function: Callable[..., object], *args: object) -> float:
    """Processor seconds of a call."""
    start = time.process_time()
    function(*args)
    return time.process_time() - start


def _median_time(function: Callable[..., object], *args: object) -> float:
    """Median processor seconds of a call, after one call to warm up."""
    function(*args)
    return median(_time(function, *args) for _ in range(ROUNDS))


def _draw(growths: Sequence[Growth]) -> None:
    with new_figure(PICTURE, 6.4) as figure:
        for axes, growth in zip(figure.subplots(2, 2).flat, growths, strict=True):
            tasks = zip(growth.seconds.items(), (BLUE, VERMILION), strict=False)
            for (task, seconds), color in tasks:
                axes.plot(growth.sizes, seconds, "o-", color=color, label=task)
                per_work = seconds[0] / growth.work(growth.sizes[0])
                linear = [per_work * growth.work(size) for size in growth.sizes]
                axes.plot(growth.sizes, linear, "--", color=INK, linewidth=1)
            axes.set(xscale="log", yscale="log", xlabel=growth.title, ylabel="processor seconds")
            axes.set_xticks(growth.sizes, [str(size) for size in growth.sizes])
            axes.minorticks_off()
            axes.grid(axis="y")
            axes.plot([], [], "--", color=INK, linewidth=1, label="linear growth")
            axes.legend()


if __name__ == "__main__":
    main()
