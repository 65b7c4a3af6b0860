"""How the cost grows with what there is to do: `python benchmarks/growth.py`.

Measures processor time, which other work on the machine disturbs less than the clock, for four
things that grow: photos (making a data set, and an epoch of training on it), questions about a
photo, the side of a picture, and words that are known. Prints for each how much more the last
costs than the first, beside what growing linearly would cost, and draws benchmarks/growth.png.
"""

# ruff: noqa: E402
from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from fruit_caption.models.decoding import decode
from fruit_caption.utils.startup import start_keras

start_keras()

import keras
import numpy as np

from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig
from fruit_caption.data.dataset import Batches, DataSet, read_data
from fruit_caption.data.features import FEATURES
from fruit_caption.datagen.generate import generate_data
from fruit_caption.evaluation.evaluate import encode_photos
from fruit_caption.language import templates
from fruit_caption.language.fruits import FRUITS
from fruit_caption.models.captioner import Captioner
from fruit_caption.training.pretraining import synthetic_words
from fruit_caption.training.trainer import prepare
from fruit_caption.utils import engines
from fruit_caption.utils.plotting import BLUE, INK, VERMILION, new_figure

PICTURE = Path(__file__).with_name("growth.png")
PHOTOS = (500, 1000, 2000, 5000)
QUESTIONS = (1, 2, 4, 8, 16)
SIDES = (96, 160, 224, 320, 448)
WORDS = (100, 300, 1000, 3000, 10000)
ROUNDS = 5
KINDS = tuple(FRUITS)[:16]


@dataclass(frozen=True)
class Growth:
    """What something costs, in seconds, as there is more of what it is about.

    `size` gives for each number how much there is to do; a picture has the square of its side.
    """

    title: str
    numbers: Sequence[int]
    seconds: dict[str, list[float]]
    size: Callable[[int], float] = float

    def __str__(self) -> str:
        more = self.size(self.numbers[-1]) / self.size(self.numbers[0])
        costs = [f"{what} {s[-1] / s[0]:.1f} times" for what, s in self.seconds.items()]
        return (
            f"{self.title}, {self.numbers[0]} to {self.numbers[-1]}: "
            f"{', '.join(costs)} the cost for {more:.1f} times as much"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        growths = []
        for measure in (photos, questions, sides, words):
            growths.append(measure(Path(folder)))
            print(growths[-1], flush=True)
    _draw(growths)


def photos(folder: Path) -> Growth:
    """Rendered at 64 pixels, which the scratch CNN learns from."""
    engines.FEW = max(PHOTOS) + 1  # other processes' time would not be counted
    seconds: dict[str, list[float]] = {"generate-data": [], "an epoch of training": []}
    for number in PHOTOS:
        out = folder / f"{number}"
        config = DataConfig(scenes=number, scene_size=64, writer="grammar")
        seconds["generate-data"].append(_once(generate_data, config, out))
        data = read_data(out)
        seconds["an epoch of training"].append(_epoch(data))
    return Growth("photos", PHOTOS, seconds)


def questions(_: Path) -> Growth:
    """About one photo, answered together."""
    model = _model(320)
    seen = model.encoder_fn()(np.zeros((1, 320, 320, 3), "uint8"))
    asked = [templates.question("count", fruit) for fruit in KINDS]
    seconds = [_cost(decode, model, seen, [asked[:number]]) for number in QUESTIONS]
    return Growth("questions about a photo", QUESTIONS, {"answers": seconds})


def sides(_: Path) -> Growth:
    """Of the picture that the eye looks at."""
    seconds = []
    for side in SIDES:
        look, pixels = _model(side).encoder_fn(), np.zeros((1, side, side, 3), "uint8")
        seconds.append(_cost(look, pixels))
    return Growth("side of a picture, pixels", SIDES, {"a look": seconds}, lambda side: side**2)


def words(_: Path) -> Growth:
    """That the decoder chooses from."""
    seconds = []
    for number in WORDS:
        model = _model(96, tuple(f"word{n}" for n in range(number)))
        seen = model.encoder_fn()(np.zeros((16, 96, 96, 3), "uint8"))
        known = {name: seen[name] for name in model.decoder_inputs}
        known["words"] = np.full((16, 8, 1), 5, "int32")
        seconds.append(_cost(model.decode_step, known))
    return Growth("words that are known", WORDS, {"a word of 128 answers": seconds})


def _model(side: int, known: tuple[str, ...] = synthetic_words(KINDS, varied=False)) -> Captioner:
    keras.utils.set_random_seed(0)
    model = Captioner(ModelConfig("efficientnet-lite0", "saved", image_size=side), known, KINDS)
    # Weights by chance would go on for ever; a trained model's answers have some six words.
    bias = model.decoder.get_layer("logits").bias
    bias.assign(bias + 0.3 * (np.arange(bias.shape[0]) == model.vocabulary.end))
    return model


def _epoch(data: DataSet) -> float:
    config = TrainingConfig(views=1)
    settings = ModelConfig("scratch", "none", image_size=64, channels=32, units=64)
    model = Captioner(settings, data.vocabulary().words, data.fruits)
    examples = data.splits["train"]
    files = encode_photos(model, examples, data.folder / FEATURES)
    grid = model.neck.output["density"].shape[1:3]
    batches = Batches(examples, files, model.vocabulary, model.fruits, grid, config, epoch=0)
    prepare(model.training_model, config, len(batches))
    model.training_model.train_on_batch(*batches[0])  # compiles
    return _once(partial(model.training_model.fit, batches, shuffle=False, verbose=0))


def _once(work: Callable[..., object], *given: object) -> float:
    began = time.process_time()
    work(*given)
    return time.process_time() - began


def _cost(work: Callable[..., object], *given: object) -> float:
    """The median of some rounds; a first one warms up."""
    work(*given)
    return median(_once(work, *given) for _ in range(ROUNDS))


def _draw(growths: Sequence[Growth]) -> None:
    with new_figure(PICTURE, 6.4) as figure:
        for axes, growth in zip(figure.subplots(2, 2).flat, growths, strict=True):
            for (what, seconds), color in zip(
                growth.seconds.items(), (BLUE, VERMILION), strict=False
            ):
                axes.plot(growth.numbers, seconds, "o-", color=color, label=what)
                linear = [
                    seconds[0] * growth.size(number) / growth.size(growth.numbers[0])
                    for number in growth.numbers
                ]
                axes.plot(growth.numbers, linear, "--", color=INK, linewidth=1)
            axes.set(xscale="log", yscale="log", xlabel=growth.title, ylabel="processor seconds")
            axes.set_xticks(growth.numbers, [str(number) for number in growth.numbers])
            axes.minorticks_off()
            axes.grid(axis="y")
            axes.plot([], [], "--", color=INK, linewidth=1, label="if it grew linearly")
            axes.legend()


if __name__ == "__main__":
    main()
