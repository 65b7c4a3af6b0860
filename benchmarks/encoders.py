"""The eyes side by side: `python benchmarks/encoders.py DATA OUT --vgg16 FILE --lite0 FILE`.

Trains attention with each eye on the same data with the same settings and seeds, and scores the
answers to the test split and to the unseen source. Fine-tuning goes on from the frozen eye's run.
What is trained already in OUT is reused, so that an interrupted run can be made again. Writes
OUT/encoders.json and OUT/encoders.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

from fruit_caption.comparison.report import cell
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
from fruit_caption.utils.files import write_json, write_text

SEEDS = (0, 1, 2)
SPLITS: tuple[Split, ...] = ("test", "unseen")
ROUNDS, PHOTOS = 5, 16
COLUMNS = {
    "count": "count",
    "several": "2 and more",
    "rmse": "RMSE",
    "identify": "identify",
    "unseen_count": "unseen: count",
    "unseen_several": "unseen: 2 and more",
    "look_ms": "ms a photo",
    "minutes": "minutes of training",
    "megabytes": "MB",
}


@dataclass(frozen=True)
class Encoder:
    """One row: a name, the settings of model and training, the eye from whose run it goes on, and
    where VGG16 is tapped for it.
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
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vgg16", default="imagenet")
    parser.add_argument("--lite0", required=True)
    given = parser.parse_args()
    data = read_data(given.data)
    results: dict[str, list[dict[str, float | None]]] = {}
    for seed in SEEDS:
        for eye in eyes(given.vgg16, given.lite0):
            found = result(eye, seed, data, given.out)
            results.setdefault(eye.name, []).append(found)
            print(f"{eye.name}, seed {seed}: {found}", flush=True)
            write_json(given.out / "encoders.json", {"versions": versions(), "results": results})
            write_text(given.out / "encoders.md", table(results))


def eyes(vgg16: str, lite0: str) -> list[Encoder]:
    """The rows, given the weights."""
    vgg = ModelConfig("vgg16", vgg16)
    lite = ModelConfig("efficientnet-lite0", lite0, image_size=320)
    frozen = Encoder("Lite0", lite)
    gently = TrainingConfig(epochs=5, learning_rate=1e-3, views=2)
    return [
        Encoder("scratch", ModelConfig("scratch", "none")),
        Encoder("VGG16", vgg),
        Encoder("VGG16, two scales", vgg, taps=("block3_pool", "block4_pool")),
        frozen,
        Encoder("Lite0, fine-tuned", replace(lite, unfreeze=1), gently, frozen),
    ]


def result(eye: Encoder, seed: int, data: DataSet, out: Path) -> dict[str, float | None]:
    """Train with an eye, or take the run that is there, and score it."""
    folder = trained(eye, seed, data.folder, out)
    splits = [split for split in SPLITS if data.splits[split]]
    found = {split: evaluate_split(Run(folder), data, split) for split in splits}
    test, unseen = found["test"].scores, found["unseen"].scores if "unseen" in found else None
    cost = found["test"].cost
    before = result(eye.start, seed, data, out)["minutes"] if eye.start else 0
    return {
        "count": test["kinds"]["count"]["exact"],
        "several": test["several"]["exact"],
        "rmse": test["kinds"]["count"]["rmse"],
        "identify": test["kinds"]["identify"]["exact"],
        "unseen_count": unseen["kinds"]["count"]["exact"] if unseen else None,
        "unseen_several": unseen["several"]["exact"] if unseen else None,
        "look_ms": _look_ms(Run(folder).load_model()),
        "minutes": cost["minutes"] + before if cost["minutes"] and before is not None else None,
        "megabytes": cost["megabytes"],
    }


def trained(eye: Encoder, seed: int, data: Path, out: Path) -> Path:
    """The run of an eye and a seed: trained, continued, or as it is there."""
    pretrained.NETWORKS["vgg16"] = Network(taps=eye.taps)
    folder = eye.folder(out, seed)
    if not (Run(folder).model_file).is_file():
        start = str(eye.start.folder(out, seed)) if eye.start else None
        training = replace(eye.training, seed=seed)
        config = RunConfig(str(data), eye.model, training, versions(), start)
        train(config, Run(folder), resume=(Run(folder).config_file).is_file())
    return folder


def table(
    results: dict[str, list[dict[str, float | None]]],
    columns: Mapping[str, str] = COLUMNS,
    first: str = "eye",
) -> str:
    """The results as a Markdown table: shares in %, mean and spread over the seeds."""
    lines = [f"| {first} | {' | '.join(columns.values())} |", "| --- |" + " ---: |" * len(columns)]
    for name, rows in results.items():
        cells = [_cell(column, [row[column] for row in rows]) for column in columns]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(column: str, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    is_share = not column.endswith(("rmse", "look_ms", "minutes", "megabytes"))
    return cell(known, digits=2 if column.endswith("rmse") else 1, scale=100 if is_share else 1)


def _look_ms(model: Captioner) -> float:
    """Milliseconds of the encoder for a photo, in batches; the median of some rounds."""
    size, encoder = model.config.image_size, fuse_batch_norm(model.encoder)
    pixels = np.zeros((PHOTOS, size, size, 3), "uint8")
    encoder.predict_on_batch(pixels)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        encoder.predict_on_batch(pixels)
        times.append(time.perf_counter() - began)
    return round(1000 * median(times) / PHOTOS, 1)


if __name__ == "__main__":
    main()
