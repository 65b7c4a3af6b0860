"""How fast it is, row by row beside a reference: `python benchmarks/speed.py RUN --vgg16 FILE`.

What is measured and its reference take turns, so that other work on the machine slows both; each
figure is the median of its rounds. RUN needs an export (`fruit export`). Prints the table and
writes it to benchmarks/RESULTS.md with the machine and the versions.
"""

# ruff: noqa: E402
from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from fruit_caption.utils.startup import start_keras

start_keras()

import keras
import numpy as np

import fruit_caption as fc
from fruit_caption.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from fruit_caption.data import features
from fruit_caption.data.dataset import Batches, read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.language import templates
from fruit_caption.language.fruits import FRUITS
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import MAX_WORDS, Encoding, decode, pad_prompts
from fruit_caption.models.encoders import encoder_parts, joined
from fruit_caption.rendering.scenes import write_scenes
from fruit_caption.runs import Run
from fruit_caption.training.trainer import prepare
from fruit_caption.utils import engines
from fruit_caption.utils.files import write_text

RESULTS = Path(__file__).with_name("RESULTS.md")
FRUIT = [str(Path(sys.executable).with_name("fruit"))]
QUESTIONS = ("how many apples are there?", "which fruits are there?")
PHOTOS = 64
SIDE = 640
"""Of the photos on disk, in pixels."""
ASKED = 8
"""Questions about a photo."""


@dataclass(frozen=True)
class Row:
    """A line of the table: what was measured, beside what, and whether it is as good as wanted."""

    what: str
    here: str
    reference: str
    goal: str
    met: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--vgg16", default="imagenet")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(Run.named(given.run).path, given.vgg16, Path(folder)):
            print(f"{row.what}: {row.here} ({row.reference})", flush=True)
            rows.append(row)
    write_text(RESULTS, _table(rows))


def _rows(run: Path, vgg16: str, folder: Path) -> Iterator[Row]:
    photos = [one.path for one in write_scenes(folder / "photos", PHOTOS, 0, SIDE).photos]
    yield from starts()
    yield from cold_question(run, photos[1])
    yield second_question(run, photos[1])
    yield from encoding(vgg16, photos, folder)
    yield decoder_epoch(vgg16, folder)
    yield greedy(Run(run).load_model(), photos)
    yield from scenes(folder)
    yield from memory(folder)


def starts() -> Iterator[Row]:
    """What a person waits for before anything is done."""
    for arguments in (["--help"], ["--version"], ["train", "--nonsense"]):
        ours, theirs = _in_turns(
            lambda given=arguments: _process([*FRUIT, *given]).seconds,
            lambda: _process([sys.executable, "-c", "import typer"]).seconds,
        )
        what = f"`fruit {' '.join(arguments)}`"
        yield Row(what, f"{ours:.2f} s", f"`import typer` {theirs:.2f} s", "0.4 s", ours <= 0.4)


def cold_question(run: Path, photo: Path) -> Iterator[Row]:
    """A question in a process of its own, to the export and to Keras."""
    through_keras = (
        "import sys; from pathlib import Path; from fruit_caption import runs;"
        "from fruit_caption.answering import Predictor;"
        "print(Predictor(Run(Path(sys.argv[1])).load_model()).ask(sys.argv[2], sys.argv[3]).sentence)"
    )
    ask = [*FRUIT, "ask", str(photo), QUESTIONS[0], "--run", str(run.absolute())]
    reference = [sys.executable, "-c", through_keras, str(run), str(photo), QUESTIONS[0]]
    ours: list[_Done] = []
    theirs: list[_Done] = []
    for _ in range(5):
        ours.append(_process(ask))
        theirs.append(_process(reference))
    seconds, slow = (median(one.seconds for one in those) for those in (ours, theirs))
    memory, much = (median(one.megabytes for one in those) for those in (ours, theirs))
    what = "`fruit ask`, a process of its own"
    yield Row(what, f"{seconds:.2f} s", f"Keras {slow:.2f} s", "1.0 s", seconds <= 1.0)
    yield Row(f"{what}: memory", f"{memory:.0f} MB", f"{much:.0f} MB", "500 MB", memory <= 500)


def second_question(run: Path, photo: Path) -> Row:
    """One more question about a photo that was looked at, against the first."""
    eye = fc.load(run)
    sight = eye.encode(photo)
    ours, theirs = _in_turns(
        lambda: _timed(lambda: sight.ask(QUESTIONS[1])),
        lambda: _timed(lambda: eye.ask(photo, QUESTIONS[0])),
        rounds=31,
    )
    what = "a second question about a photo"
    return Row(
        what, f"{1e3 * ours:.1f} ms", f"the first {1e3 * theirs:.0f} ms", "10 ms", ours < 0.01
    )


def encoding(vgg16: str, photos: Sequence[Path], folder: Path) -> Iterator[Row]:
    """VGG16 through the feature cache's way of looking, and from files, against `predict`."""
    encoder = joined(encoder_parts("vgg16", 224, vgg16, 0))
    pixels = features.load_pixels(photos, 224)
    look = features.encoder_fn(encoder)
    caches = iter(range(100))

    def in_memory() -> float:
        return _timed(lambda: [look(some) for some in np.split(pixels, PHOTOS // features.BATCH)])

    def from_files() -> float:
        shown = [(photo, features.PLAIN) for photo in photos]
        cache = folder / f"cache{next(caches)}"
        return _timed(lambda: features.extract_features(encoder, shown, 224, cache))

    def bare() -> float:
        return _timed(lambda: encoder.predict(pixels, batch_size=features.BATCH, verbose=0))

    for what, way, least in (
        ("VGG16, a photo in memory", in_memory, 0.95),
        (f"VGG16, a JPEG of {SIDE} px, kept in the cache", from_files, 0.85),
    ):
        ours, theirs = (PHOTOS / seconds for seconds in _in_turns(way, bare, rounds=5))
        yield Row(
            what,
            f"{ours:.1f} photos/s",
            f"`predict` {theirs:.1f} photos/s, ratio {ours / theirs:.2f}",
            f"ratio {least}",
            ours / theirs >= least,
        )


def decoder_epoch(vgg16: str, folder: Path) -> Row:
    """An epoch on cached features against one on the same batches held in memory."""
    generate_data(DataConfig(scenes=400, scene_size=64, writer="grammar"), folder / "data")
    data = read_data(folder / "data")
    keras.utils.set_random_seed(0)
    config = RunConfig(str(data.folder), ModelConfig("vgg16", vgg16), TrainingConfig())
    model = Captioner(config.model, data.vocabulary().words, data.fruits)
    examples, grid = data.splits["train"], model.neck.output["density"].shape[1:3]
    files = []
    for number in range(len(examples)):  # what VGG16 sees takes no part in how long this takes
        file = folder / f"{number}.npy"
        np.save(file, np.random.default_rng(number).random((14, 14, 512)).astype("float16"))
        files.append([file])
    batches = Batches(
        examples, files, model.vocabulary, model.fruits, grid, config.training, epoch=0
    )
    held = _Held([batches[number] for number in range(len(batches))])
    prepare(model.training_model, config.training, len(batches))
    ours, theirs = _in_turns(
        lambda: _timed(lambda: model.training_model.fit(batches, shuffle=False, verbose=0)),
        lambda: _timed(lambda: model.training_model.fit(held, shuffle=False, verbose=0)),
        rounds=3,
    )
    share = theirs / ours
    what = f"an epoch on {len(examples)} photos' cached features"
    reference = f"held in memory {theirs:.1f} s, {100 * share:.0f} % of it"
    return Row(what, f"{ours:.1f} s", reference, "80 %", share >= 0.8)


class _Held(keras.utils.PyDataset):
    """Batches that are made already."""

    def __init__(self, batches: list[tuple]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple:
        return self.batches[index]


def greedy(model: Captioner, photos: Sequence[Path]) -> Row:
    """Answers word by word with the LSTM's state kept, against reading all words for each."""
    fruits = [fruit for fruit in model.fruits if fruit in FRUITS]
    asked = [templates.question("count", fruit) for fruit in fruits[: ASKED - 1]] + [
        templates.question("identify", None)
    ]
    seen = model.encoder_fn()(features.load_pixels(photos[: PHOTOS // ASKED], model.image_size))
    questions = [asked] * (PHOTOS // ASKED)
    said = [
        [one.text for answers in decode(model, seen, questions) for one in answers],
        _spoken_anew(model, seen, questions),
    ]
    assert said[0] == said[1], "the two ways of answering differ"
    ours, theirs = _in_turns(
        lambda: _timed(lambda: decode(model, seen, questions)),
        lambda: _timed(lambda: _spoken_anew(model, seen, questions)),
        rounds=7,
    )
    return Row(
        f"{PHOTOS} answers at once, {ASKED} about each photo",
        f"{PHOTOS / ours:.0f} answers/s",
        f"every word read anew {PHOTOS / theirs:.0f} answers/s, {theirs / ours:.1f} times",
        "5 times",
        theirs / ours >= 5,
    )


def _spoken_anew(model: Captioner, seen: Encoding, questions: list[list[str]]) -> list[str]:
    """What `speak` says, with nothing kept from one word to the next."""
    vocabulary = model.vocabulary
    known = {name: seen[name] for name in model.decoder_inputs}
    sequences = [[vocabulary.prompt(question) for question in each] for each in questions]
    prompts = [len(sequence) for each in sequences for sequence in each]
    for _ in range(MAX_WORDS):
        logits = model.decoder.predict_on_batch(known | {"words": pad_prompts(sequences)})["logits"]
        for photo, each in enumerate(sequences):
            for place, sequence in enumerate(each):
                following = logits[photo, place, len(sequence) - 1]
                # Of the special words only `<end>` can be said.
                sequence.append(vocabulary.end + int(following[vocabulary.end :].argmax()))
        said = [sequence for each in sequences for sequence in each]
        if all(vocabulary.end in sequence for sequence in said):
            break
    return [vocabulary.text(one[length:]) for one, length in zip(said, prompts, strict=True)]


def scenes(folder: Path) -> Iterator[Row]:
    """Rendered scenes on one core and on all."""
    number, numbers, few = 2 * engines.FEW, iter(range(100)), engines.FEW

    def render(cores: int) -> float:
        engines.FEW = few if cores > 1 else number + 1
        return _timed(lambda: write_scenes(folder / f"scenes{next(numbers)}", number, 0))

    cores = len(os.sched_getaffinity(0))
    together, alone = (
        number / seconds for seconds in _in_turns(lambda: render(2), lambda: render(1), rounds=3)
    )
    engines.FEW = few
    yield Row("rendered scenes, one core", f"{alone:.1f} scenes/s", "", "20 scenes/s", alone >= 20)
    yield Row(
        f"rendered scenes, {cores} cores",
        f"{together:.1f} scenes/s",
        f"one core {alone:.1f} scenes/s, {together / alone:.2f} times",
        f"{0.9 * cores:.1f} times",
        together / alone >= 0.9 * cores,
    )


def memory(folder: Path) -> Iterator[Row]:
    """The most that `generate-data` and `train` hold at once, with ten times the photos."""
    held: dict[str, list[float]] = {"generate-data": [], "train": []}
    make = (
        "import sys; from pathlib import Path; from fruit_caption.collecting import generate_data;"
        "from fruit_caption.config import DataConfig;"
        "generate_data(DataConfig(scenes=int(sys.argv[1]), scene_size=64, writer='grammar'),"
        "Path(sys.argv[2]))"
    )
    few, many = 500, 5000
    for photos in (few, many):
        data, run = folder / f"data{photos}", folder / f"run{photos}"
        held["generate-data"].append(
            _process([sys.executable, "-c", make, str(photos), str(data)]).megabytes
        )
        settings = "--scratch --image-size 64 --epochs 1 --views 1 --pretrain-steps 0".split()
        train = [*FRUIT, "train", *settings, "--data", str(data), "--run", str(run)]
        held["train"].append(_process(train).megabytes)
    for what, (before, after) in held.items():
        yield Row(
            f"memory of `{what}`, {many} photos",
            f"{after:.0f} MB",
            f"{few} photos {before:.0f} MB, ratio {after / before:.2f}",
            "ratio 1.1",
            after / before <= 1.1,
        )


@dataclass(frozen=True)
class _Done:
    seconds: float
    megabytes: float


WATCH = """
import os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print(time.perf_counter() - began, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))
"""


def _process(command: Sequence[str]) -> _Done:
    """How long a command runs, and the most that its process holds of the memory.

    A small process starts it: to Linux a new process has held as much as the one that started it.
    """
    watch = [sys.executable, "-S", "-c", WATCH, *command]
    told = subprocess.run(watch, capture_output=True, text=True, check=True).stdout
    seconds, megabytes, code = map(float, told.split())
    if code not in (0, 2):
        raise SystemExit(f"{' '.join(command)} ended with {code:g}.")
    return _Done(seconds, megabytes)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _in_turns(
    ours: Callable[[], float], theirs: Callable[[], float], rounds: int = 7
) -> tuple[float, float]:
    """The medians of two measurements that take turns; the first of each only warms up."""
    pairs = [(ours(), theirs()) for _ in range(1 + rounds)][1:]
    return median(one for one, _ in pairs), median(other for _, other in pairs)


def _table(rows: Sequence[Row]) -> str:
    packages = ("tensorflow", "keras", "onnxruntime", "numpy", "pillow")
    lines = [
        "# How fast it is",
        "",
        f"Written by `benchmarks/speed.py` on {os.cpu_count()} cores ({platform.machine()}, "
        f"{platform.system()}), Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + ". Medians; what is measured and its reference took turns.",
        "",
        "| what | here | reference | goal | met |",
        "| --- | ---: | --- | --- | --- |",
    ]
    for row in rows:
        met = "yes" if row.met else "no"
        lines.append(f"| {row.what} | {row.here} | {row.reference} | {row.goal} | {met} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
