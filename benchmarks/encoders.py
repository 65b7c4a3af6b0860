"""Compares encoders.

    python benchmarks/encoders.py DATA OUT --vgg16 FILE --lite0 FILE

Trains the model with attention on each encoder, with the same data, settings and seeds, and scores
its answers to the test split and the unseen source. Fine-tuning starts from the run with the frozen
encoder. Runs that are in OUT already are reused, so an interrupted benchmark can be continued.
Writes OUT/encoders.json and OUT/encoders.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from fruit_caption.comparison.report import format_mean
from fruit_caption.config import ModelConfig, RunConfig, TrainingConfig
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.data.records import Split
from fruit_caption.evaluation.evaluate import evaluate_split
from fruit_caption.models import pretrained
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.pretrained import Network
from fruit_caption.models.surgery import fuse_batch_norm
from fruit_caption.runs import Run
from fruit_caption.training.trainer import train, versions
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_json, write_text

Figures = dict[str, float | None]
"""Scores and costs of one run by name; shares are from 0 to 1."""

SEEDS = (0, 1, 2)
SPLITS: tuple[Split, ...] = ("test", "unseen")
ROUNDS, PHOTOS = 5, 16
"""Number of repetitions and of photos when the encoder is timed."""
COLUMNS = {
    "count": "count",
    "several": "count of 2 or more",
    "rmse": "count RMSE",
    "identify": "fruit set",
    "unseen_count": "unseen: count",
    "unseen_several": "unseen: count of 2 or more",
    "encode_ms": "ms per photo",
    "minutes": "training minutes",
    "megabytes": "MB",
}
"""Column titles by the name of the figure."""


@dataclass(frozen=True)
class Encoder:
    """A row of the table.

    Attributes:
        name: The name of the row.
        model: Model settings.
        training: Training settings, without the seed.
        start: The row from whose run this one continues.
        taps: The layers of VGG16 that give the features.
    """

    name: str
    model: ModelConfig
    training: TrainingConfig = TrainingConfig(epochs=16, pretrain_steps=0, views=2)  # noqa: RUF009  (frozen)
    start: Encoder | None = None
    taps: tuple[str, ...] = ("block4_pool",)

    def folder(self, out: Path, seed: int) -> Path:
        return out / f"{self.name}-{seed}".replace(" ", "-").replace(",", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="data set of real photos")
    parser.add_argument("out", type=Path, help="output folder")
    parser.add_argument("--vgg16", default="imagenet", help="file with weights of VGG16")
    parser.add_argument("--lite0", required=True, help="file with weights of EfficientNet-Lite0")
    args = parser.parse_args()
    data = read_data(args.data)
    results: dict[str, list[Figures]] = {}
    for seed in SEEDS:
        for encoder in encoders(args.vgg16, args.lite0):
            found = figures(encoder, seed, data, args.out)
            results.setdefault(encoder.name, []).append(found)
            print(f"{encoder.name}, seed {seed}: {found}", flush=True)
            write_json(args.out / "encoders.json", {"versions": versions(), "results": results})
            write_text(args.out / "encoders.md", table(results))


def encoders(vgg16: str, lite0: str) -> list[Encoder]:
    """Return the rows, given the weights of the pretrained networks."""
    vgg = ModelConfig("vgg16", vgg16)
    lite = ModelConfig("efficientnet-lite0", lite0, image_size=320)
    frozen = Encoder("Lite0", lite)
    fine_tuning = TrainingConfig(epochs=5, learning_rate=1e-3, views=2)
    return [
        Encoder("scratch", ModelConfig("scratch", "none")),
        Encoder("VGG16", vgg),
        Encoder("VGG16, two scales", vgg, taps=("block3_pool", "block4_pool")),
        frozen,
        Encoder("Lite0, fine-tuned", replace(lite, unfreeze=1), fine_tuning, frozen),
    ]


def figures(encoder: Encoder, seed: int, data: DataSet, out: Path) -> Figures:
    """Train a model with an encoder, or reuse its run, and evaluate it."""
    run = trained(encoder, seed, data.folder, out)
    evaluations = {
        split: evaluate_split(run, data, split) for split in SPLITS if data.splits[split]
    }
    test, cost = evaluations["test"].scores, evaluations["test"].cost
    unseen = evaluations["unseen"].scores if "unseen" in evaluations else None
    before = figures(encoder.start, seed, data, out)["minutes"] if encoder.start else 0
    return {
        "count": test["kinds"]["count"]["exact"],
        "several": test["several"]["exact"],
        "rmse": test["kinds"]["count"]["rmse"],
        "identify": test["kinds"]["identify"]["exact"],
        "unseen_count": unseen["kinds"]["count"]["exact"] if unseen else None,
        "unseen_several": unseen["several"]["exact"] if unseen else None,
        "encode_ms": _encode_ms(run.load_model()),
        "minutes": cost["minutes"] + before if cost["minutes"] and before is not None else None,
        "megabytes": cost["megabytes"],
    }


def trained(encoder: Encoder, seed: int, data: Path, out: Path) -> Run:
    """Return the run of an encoder and a seed; train it first, or continue, if necessary."""
    pretrained.NETWORKS["vgg16"] = Network(taps=encoder.taps)
    run = Run(encoder.folder(out, seed))
    if not run.model_file.is_file():
        start = str(encoder.start.folder(out, seed)) if encoder.start else None
        training = replace(encoder.training, seed=seed)
        config = RunConfig(str(data), encoder.model, training, versions(), start)
        train(config, run, resume=run.config_file.is_file())
    return run


def table(
    results: Mapping[str, Sequence[Figures]],
    columns: Mapping[str, str] = COLUMNS,
    first: str = "encoder",
) -> str:
    """Format results as a Markdown table: mean and standard deviation over the seeds, shares in %.

    Args:
        results: The figures of each seed by row.
        columns: The column titles by the name of the figure.
        first: The title of the first column.
    """
    rows = [
        [name, *(_cell(column, [found[column] for found in by_seed]) for column in columns)]
        for name, by_seed in results.items()
    ]
    return markdown.table([first, *columns.values()], rows)


def _cell(column: str, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    is_share = not column.endswith(("rmse", "encode_ms", "minutes", "megabytes"))
    digits = 2 if column.endswith("rmse") else 1
    return format_mean(known, digits=digits, scale=100 if is_share else 1)


def _encode_ms(model: Captioner) -> float:
    """Milliseconds that the encoder takes per photo, in batches; the median of `ROUNDS`."""
    size, encoder = model.config.image_size, fuse_batch_norm(model.encoder)
    pixels = np.zeros((PHOTOS, size, size, 3), "uint8")
    encoder.predict_on_batch(pixels)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        encoder.predict_on_batch(pixels)
        times.append(time.perf_counter() - start)
    return round(1000 * median(times) / PHOTOS, 1)


if __name__ == "__main__":
    main()
