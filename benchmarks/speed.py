"""Measures the speed and memory of commands, encoder, training and rendering.

    python benchmarks/speed.py RUN

Each measurement alternates with its reference, so that other work on the machine slows both.
Figures are medians. RUN needs an export (`fruit export`). Prints the table and writes it to
benchmarks/RESULTS.md, with the machine and the versions. The weights of VGG16 are random, which
takes as long. `training_speed.py` measures training without cached features.
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
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from fruit_caption.utils.startup import start_keras

start_keras()

import keras
import numpy as np
import onnxruntime

import fruit_caption as fc
from fruit_caption.config import DataConfig, ModelConfig, TrainingConfig
from fruit_caption.data import features
from fruit_caption.data.augmentation import IDENTITY
from fruit_caption.data.batches import DetectionBatches
from fruit_caption.data.dataset import read_data
from fruit_caption.datagen.generate import generate_data
from fruit_caption.inference.predictor import BATCH_SIZE
from fruit_caption.language import templates
from fruit_caption.language.fruits import FRUITS
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import MAX_WORDS, Arrays, decode, pad_prompts
from fruit_caption.models.encoders import build_encoder
from fruit_caption.rendering.scenes import write_scenes
from fruit_caption.runs import Run
from fruit_caption.training.stages import compile_model
from fruit_caption.utils import engines, markdown
from fruit_caption.utils.files import write_text

RESULTS = Path(__file__).with_name("RESULTS.md")
FRUIT = [str(Path(sys.executable).with_name("fruit"))]
QUESTIONS = ("how many apples are there?", "which fruits are there?")
PHOTOS = 64
SIDE = 640
"""Side of the photos on disk in pixels."""
QUESTIONS_PER_PHOTO = 8
MANY_COUNTED = 500
"""Number of photos whose fruit is counted."""
FEW_PHOTOS, MANY_PHOTOS = 500, 5000
"""Sizes of the data sets whose memory use is compared."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        task: What was measured.
        result: The measurement, with its unit.
        reference: What it is compared with, and how it compares.
        goal: The bound that it should keep; may be empty.
        met: Whether it keeps the bound.
    """

    task: str
    result: str
    reference: str
    goal: str
    met: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="name or path of a run with an export")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in _rows(Run.named(args.run), Path(folder)):
            print(f"{row.task}: {row.result} ({row.reference})", flush=True)
            rows.append(row)
    write_text(RESULTS, _table(rows))


def _rows(run: Run, folder: Path) -> Iterator[Row]:
    scenes = write_scenes(folder / "photos", PHOTOS, 0, SIDE)
    photos = [photo.path for photo in scenes.photos]
    yield from start_up()
    yield from cold_question(run, photos[1])
    yield second_question(run, photos[1])
    yield from exported_encoder(run, photos)
    yield encoding(photos, folder)
    yield training_epoch(folder)
    yield decoding(run.load_model(), photos)
    yield from rendering(folder)
    yield from memory(folder)


def start_up() -> Iterator[Row]:
    """Measure commands that do nothing, beside the import of Typer."""
    import_typer = [sys.executable, "-c", "import typer"]
    for arguments in (["--help"], ["--version"], ["train", "--nonsense"]):
        command = [*FRUIT, *arguments]
        seconds, reference = _alternate(
            lambda command=command: _run_process(command).seconds,
            lambda: _run_process(import_typer).seconds,
        )
        task = f"`fruit {' '.join(arguments)}`"
        yield Row(
            task, f"{seconds:.2f} s", f"`import typer` {reference:.2f} s", "0.25 s", seconds <= 0.25
        )


KERAS_QUESTION = """
import sys
from pathlib import Path
from fruit_caption.inference.predictor import Predictor
from fruit_caption.runs import Run

run, photo, question = sys.argv[1:]
print(Predictor(Run(Path(run)).load_model()).ask(photo, question).sentence)
"""
"""Program that answers a question with the Keras model of a run, even if it has an export."""


def cold_question(run: Run, photo: Path) -> Iterator[Row]:
    """Measure a question in a new process, answered by the export and by Keras."""
    command = [*FRUIT, "ask", str(photo), QUESTIONS[0], "--run", str(run.path.absolute())]
    with_keras = [sys.executable, "-c", KERAS_QUESTION, str(run), str(photo), QUESTIONS[0]]
    exported, keras_model = zip(
        *((_run_process(command), _run_process(with_keras)) for _ in range(5)), strict=True
    )
    seconds, reference = (median(p.seconds for p in runs) for runs in (exported, keras_model))
    task = "`fruit ask` in a new process"
    yield Row(task, f"{seconds:.2f} s", f"Keras {reference:.2f} s", "0.6 s", seconds <= 0.6)
    used, reference = (median(p.megabytes for p in runs) for runs in (exported, keras_model))
    yield Row(
        f"{task}: memory", f"{used:.0f} MB", f"Keras {reference:.0f} MB", "200 MB", used <= 200
    )


def second_question(run: Run, photo: Path) -> Row:
    """Measure a question about an encoded photo, beside a question that encodes it."""
    predictor = fc.load(run.path.absolute())
    encoded = predictor.encode(photo)
    seconds, first = _alternate(
        lambda: _time(lambda: encoded.ask(QUESTIONS[1])),
        lambda: _time(lambda: predictor.ask(photo, QUESTIONS[0])),
        rounds=31,
    )
    return Row(
        "a second question about a photo",
        f"{1e3 * seconds:.1f} ms",
        f"the first {1e3 * first:.0f} ms",
        "5 ms",
        seconds <= 0.005,
    )


def exported_encoder(run: Run, photos: Sequence[Path]) -> Iterator[Row]:
    """Measure what reads pictures and runs the export, beside ONNX Runtime alone."""
    predictor = fc.load(run.path.absolute())
    network = onnxruntime.InferenceSession(run.export_folder("onnx") / "encoder.onnx")
    pixels = features.load_pixels(photos, predictor.model.image_size)
    many = [photo for _ in range(MANY_COUNTED // PHOTOS + 1) for photo in photos][:MANY_COUNTED]

    def bare(batch: int) -> float:
        parts = [pixels[start : start + batch] for start in range(0, PHOTOS, batch)]
        return _time(lambda: [network.run(None, {"pixels": part}) for part in parts]) / PHOTOS

    def one_by_one(pictures: Sequence[Path | np.ndarray]) -> float:
        return _time(lambda: [predictor.encode(picture) for picture in pictures]) / PHOTOS

    def in_batches(pictures: Sequence[Path | np.ndarray]) -> float:
        return _time(lambda: deque(predictor._encode_batches(pictures, None), 0)) / PHOTOS

    for batch, encode in ((1, one_by_one), (BATCH_SIZE, in_batches)):
        task = f"exported encoder, batches of {batch}"
        for name, pictures, goal in (
            ("pictures in memory", list(pixels), 0.9),
            (f"JPEG files of {SIDE} px", photos, None),
        ):
            times = _alternate(lambda e=encode, p=pictures: e(p), lambda b=batch: bare(b))
            yield _speed_row(f"{task}, {name}", *times, goal)
    times = _alternate(
        lambda: _time(lambda: deque(predictor.count_many(many), 0)) / MANY_COUNTED,
        lambda: bare(BATCH_SIZE),
        rounds=3,
    )
    yield _speed_row(f"counting the fruit in {MANY_COUNTED} JPEG files", *times, 0.8)


def _speed_row(task: str, seconds: float, bare: float, goal: float | None) -> Row:
    ratio = bare / seconds
    return Row(
        task,
        f"{1 / seconds:.0f} photos/s",
        f"ONNX Runtime alone {1 / bare:.0f} photos/s, ratio {ratio:.2f}",
        f"ratio {goal}" if goal else "",
        goal is None or ratio >= goal,
    )


def encoding(photos: Sequence[Path], folder: Path) -> Row:
    """Measure how VGG16 fills the feature cache from files, beside `predict` on arrays."""
    encoder = build_encoder("vgg16", 224, "saved", freeze=True)
    pixels = features.load_pixels(photos, 224)
    caches = iter(range(100))

    def fill_cache() -> float:
        unchanged = [(photo, IDENTITY) for photo in photos]
        cache = folder / f"cache{next(caches)}"
        return _time(lambda: features.cache_features(encoder, unchanged, 224, cache))

    def predict() -> float:
        return _time(lambda: encoder.predict(pixels, batch_size=features.BATCH, verbose=0))

    speed, reference = (PHOTOS / s for s in _alternate(fill_cache, predict, rounds=5))
    return Row(
        f"VGG16, JPEG files of {SIDE} px, with the cache written",
        f"{speed:.1f} photos/s",
        f"`predict` {reference:.1f} photos/s, ratio {speed / reference:.2f}",
        "ratio 0.85",
        speed / reference >= 0.85,
    )


def training_epoch(folder: Path) -> Row:
    """Measure an epoch on cached features, beside one on the same batches in memory."""
    generate_data(DataConfig(scenes=400, scene_size=64, writer="grammar"), folder / "data")
    data, training = read_data(folder / "data"), TrainingConfig()
    examples = data.splits["train"]
    model = Captioner(ModelConfig("vgg16", "saved", freeze=True), (), data.fruits)
    shapes = {name: tensor.shape[1:] for name, tensor in model.encoder.output.items()}
    cached = []
    for number in range(len(examples)):  # random features take as long as those of VGG16
        file, rng = folder / f"{number}.npz", np.random.default_rng(number)
        np.savez(file, **{name: rng.random(s).astype("float16") for name, s in shapes.items()})
        cached.append([(IDENTITY, file)])
    trained, grid = model.detector_training_model(), model.detector.output["center"].shape[1:3]
    batches = DetectionBatches(examples, 224, training, 0, data.fruits, grid, cached)
    in_memory = _InMemory([batches[number] for number in range(len(batches))])
    compile_model(trained, training.learning_rate, len(batches))
    seconds, reference = _alternate(
        lambda: _time(lambda: trained.fit(batches, shuffle=False, verbose=0)),
        lambda: _time(lambda: trained.fit(in_memory, shuffle=False, verbose=0)),
        rounds=3,
    )
    share = reference / seconds
    return Row(
        f"an epoch of the detector on cached features of {len(examples)} photos",
        f"{seconds:.1f} s",
        f"batches in memory {reference:.1f} s, {100 * share:.0f} % of it",
        "80 %",
        share >= 0.8,
    )


class _InMemory(keras.utils.PyDataset):
    """Batches that are held in memory."""

    def __init__(self, batches: list[tuple]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple:
        return self.batches[index]


def decoding(model: Captioner, photos: Sequence[Path]) -> Row:
    """Measure greedy decoding, beside decoding that reads all words again for each new one."""
    fruits = [fruit for fruit in model.fruits if fruit in FRUITS][: QUESTIONS_PER_PHOTO - 1]
    texts = [
        *(templates.question("count", fruit) for fruit in fruits),
        templates.question("identify", None),
    ]
    number = PHOTOS // QUESTIONS_PER_PHOTO
    encoding = model.encoder_fn()(features.load_pixels(photos[:number], model.image_size))
    questions = [texts] * number
    answers = [answer.text for answers in decode(model, encoding, questions) for answer in answers]
    assert answers == _decode_without_state(model, encoding, questions), "the answers differ"
    seconds, reference = _alternate(
        lambda: _time(lambda: decode(model, encoding, questions)),
        lambda: _time(lambda: _decode_without_state(model, encoding, questions)),
        rounds=7,
    )
    return Row(
        f"{PHOTOS} answers in a batch, {QUESTIONS_PER_PHOTO} per photo",
        f"{PHOTOS / seconds:.0f} answers/s",
        f"without LSTM state {PHOTOS / reference:.0f} answers/s, speedup {reference / seconds:.1f}",
        "speedup 5",
        reference / seconds >= 5,
    )


def _decode_without_state(
    model: Captioner, encoding: Arrays, questions: list[list[str]]
) -> list[str]:
    """Give the answers of `decode`, but read the question and all words again at every step."""
    vocabulary = model.vocabulary
    inputs = {name: encoding[name] for name in model.decoder_inputs}
    sequences = [[vocabulary.encode_prompt(question) for question in texts] for texts in questions]
    lengths = [len(sequence) for of_photo in sequences for sequence in of_photo]
    for _ in range(MAX_WORDS):
        inputs["words"] = pad_prompts(sequences)
        logits = model.decoder.predict_on_batch(inputs)["logits"]
        for photo, of_photo in enumerate(sequences):
            for place, sequence in enumerate(of_photo):
                next_word = logits[photo, place, len(sequence) - 1]
                # `<end>` is the only special token that can be generated.
                sequence.append(vocabulary.end_id + int(next_word[vocabulary.end_id :].argmax()))
        flat = [sequence for of_photo in sequences for sequence in of_photo]
        if all(vocabulary.end_id in sequence for sequence in flat):
            break
    return [vocabulary.decode(ids[length:]) for ids, length in zip(flat, lengths, strict=True)]


def rendering(folder: Path) -> Iterator[Row]:
    """Measure rendering on one core and on all."""
    threshold = engines.MIN_PARALLEL_ITEMS
    number, folders = 2 * threshold, iter(range(100))

    def render(parallel: bool) -> float:
        engines.MIN_PARALLEL_ITEMS = threshold if parallel else number + 1
        return _time(lambda: write_scenes(folder / f"scenes{next(folders)}", number, 0))

    cores = len(os.sched_getaffinity(0))
    on_all, on_one = (
        number / seconds
        for seconds in _alternate(lambda: render(True), lambda: render(False), rounds=3)
    )
    engines.MIN_PARALLEL_ITEMS = threshold
    yield Row("rendering, one core", f"{on_one:.1f} scenes/s", "", "20 scenes/s", on_one >= 20)
    yield Row(
        f"rendering, {cores} cores",
        f"{on_all:.1f} scenes/s",
        f"one core {on_one:.1f} scenes/s, speedup {on_all / on_one:.2f}",
        f"speedup {0.9 * cores:.1f}",
        on_all / on_one >= 0.9 * cores,
    )


GENERATE_DATA = """
import sys
from pathlib import Path
from fruit_caption.config import DataConfig
from fruit_caption.datagen.generate import generate_data
from fruit_caption.inference.predictor import BATCH_SIZE

scenes, folder = sys.argv[1:]
generate_data(DataConfig(scenes=int(scenes), scene_size=64, writer="grammar"), Path(folder))
"""
"""Program that makes a data set of small scenes, a size that the command does not offer."""


def memory(folder: Path) -> Iterator[Row]:
    """Measure the peak memory of `generate-data` and `train` with ten times the photos."""
    peaks: dict[str, list[float]] = {"generate-data": [], "train": []}
    options = "--scratch --image-size 64 --epochs 1 --decoder-epochs 1 --pretrain-steps 0".split()
    for photos in (FEW_PHOTOS, MANY_PHOTOS):
        data, run = folder / f"data{photos}", folder / f"run{photos}"
        generate = [sys.executable, "-c", GENERATE_DATA, str(photos), str(data)]
        train = [*FRUIT, "train", *options, "--data", str(data), "--run", str(run)]
        peaks["generate-data"].append(_run_process(generate).megabytes)
        peaks["train"].append(_run_process(train).megabytes)
    for command, (few, many) in peaks.items():
        yield Row(
            f"memory of `{command}`, {MANY_PHOTOS} photos",
            f"{many:.0f} MB",
            f"{FEW_PHOTOS} photos {few:.0f} MB, ratio {many / few:.2f}",
            "ratio 1.1",
            many / few <= 1.1,
        )


@dataclass(frozen=True)
class _Process:
    """Duration and peak memory of a process."""

    seconds: float
    megabytes: float


WATCH_PROCESS = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))
"""
"""Program that runs a command and prints seconds, megabytes and exit code."""


def _run_process(command: Sequence[str]) -> _Process:
    """Run a command and measure its duration and peak memory.

    A small process starts it, because on Linux the peak memory of a new process includes that of
    the process that started it.
    """
    watch = [sys.executable, "-S", "-c", WATCH_PROCESS, *command]
    output = subprocess.run(watch, capture_output=True, text=True, check=True).stdout
    seconds, megabytes, code = map(float, output.split())
    if code not in (0, 2):
        raise SystemExit(f"{' '.join(command)} ended with exit code {code:g}.")
    return _Process(seconds, megabytes)


def _time(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _alternate(
    measure: Callable[[], float], measure_reference: Callable[[], float], rounds: int = 7
) -> tuple[float, float]:
    """Return the medians of two alternating measurements, after one round to warm up."""
    pairs = [(measure(), measure_reference()) for _ in range(1 + rounds)][1:]
    return median(value for value, _ in pairs), median(reference for _, reference in pairs)


def _table(rows: Sequence[Row]) -> str:
    packages = ("tensorflow", "keras", "onnxruntime", "numpy", "pillow")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    cells = [
        (r.task, r.result, r.reference, r.goal, ("yes" if r.met else "no") if r.goal else "")
        for r in rows
    ]
    return (
        "# Speed and memory\n\n"
        f"Written by `benchmarks/speed.py` on {os.cpu_count()} cores ({platform.machine()}, "
        f"{platform.system()}), Python {platform.python_version()}, {versions}. Medians; each "
        "measurement alternated with its reference.\n\n"
        + markdown.table(("task", "result", "reference", "goal", "met"), cells, align="lrlll")
    )


if __name__ == "__main__":
    main()
