"""What each step to the release bought:
`python benchmarks/release.py REAL ALL OUT --lite0 FILE --vgg16 FILE`.

REAL is a data set of real photos, ALL of the same and of photos that were made or say only which
fruit they show. Every row is trained, or taken as it is there, and answers the validation and test
questions of REAL and those about the unseen source. Steps are chosen by validation. Writes
OUT/release.json and OUT/release.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from encoders import Encoder, table, trained

from fruit_caption.config import ModelConfig, TrainingConfig
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.data.records import Split
from fruit_caption.evaluation.evaluate import evaluate_split
from fruit_caption.runs import Run
from fruit_caption.training.trainer import versions
from fruit_caption.utils.files import write_json, write_text

Figures = dict[str, float | None]

SPLITS: tuple[Split, ...] = ("validation", "test", "unseen")
SHOWN = {
    "count": "count",
    "present": "of fruit that is there",
    "several": "2 and more",
    "within_one": "within 1",
    "rmse": "RMSE",
    "presence": "is there one",
    "identify": "which fruits",
    "f1": "F1",
    "calibration": "calibration error",
}
GOALS = {
    "test_present": "85",
    "test_several": "70",
    "test_within_one": "96",
    "test_rmse": "0.6",
    "test_presence": "95",
    "test_identify": "80",
    "test_f1": "92",
    "test_calibration": "5",
    "unseen_count": "60",
}
COLUMNS = (
    {"validation_exact": "validation", "validation_several": "validation: 2 and more"}
    | {f"test_{name}": title for name, title in SHOWN.items()}
    | {f"unseen_{name}": f"unseen: {SHOWN[name]}" for name in ("count", "several")}
    | {"minutes": "minutes"}
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("real", "all", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--lite0", required=True)
    parser.add_argument("--vgg16", default="imagenet")
    given = parser.parse_args()
    real = read_data(given.real)
    results: dict[str, list[Figures]] = {}
    for row, data, seeds in steps(given.lite0, given.vgg16, given.real, given.all):
        for seed in range(seeds):
            folder = trained(row, seed, data, given.out)
            results.setdefault(row.name, []).append(figures(folder, real))
            print(f"{row.name}, seed {seed}: {results[row.name][-1]}", flush=True)
            write_json(given.out / "release.json", {"versions": versions(), "results": results})
            write_text(given.out / "release.md", with_goals(table(results, COLUMNS, "model")))


def steps(lite0: str, vgg16: str, real: Path, everything: Path) -> list[tuple[Encoder, Path, int]]:
    """The rows, each with what it learns from and how many times it is trained."""
    frozen = ModelConfig("efficientnet-lite0", lite0, image_size=320)
    learns = replace(frozen, unfreeze=1)
    long, short = TrainingConfig(epochs=7, quiz=True), TrainingConfig(epochs=12)
    return [
        (Encoder("release", learns, long), everything, 3),
        (Encoder("without attention", replace(learns, attention=False), long), everything, 3),
        (Encoder("blind", ModelConfig("blind", "none", attention=False), short), real, 3),
        (Encoder("VGG16, real photos alone", ModelConfig("vgg16", vgg16), short), real, 3),
        (Encoder("scratch, real photos alone", ModelConfig("scratch", "none"), short), real, 3),
        (Encoder("frozen eye, real photos alone", frozen, short), real, 1),
        (Encoder("frozen eye", frozen, long), everything, 1),
    ]


def with_goals(rows: str) -> str:
    """A table of the results, with what was to be reached as its first row."""
    head, line, *others = rows.splitlines()
    goals = f"| goal | {' | '.join(GOALS.get(column, '') for column in COLUMNS)} |"
    return "\n".join([head, line, goals, *others]) + "\n"


def figures(folder: Path, real: DataSet) -> Figures:
    """Every score of a run, by split and name."""
    found: Figures = {}
    for split in SPLITS:
        evaluation = evaluate_split(Run(folder), real, split)
        scores, kinds = evaluation.scores, evaluation.scores["kinds"]
        figures = {
            "exact": scores["exact"],
            "count": kinds["count"]["exact"],
            "present": scores["present"]["exact"],
            "several": scores["several"]["exact"],
            "within_one": kinds["count"]["within_one"],
            "rmse": kinds["count"]["rmse"],
            "presence": kinds["presence"]["balanced"],
            "identify": kinds["identify"]["exact"],
            "f1": kinds["identify"]["f1"],
            "calibration": scores["calibration_error"],
        }
        found |= {f"{split}_{name}": value for name, value in figures.items()}
        found["minutes"] = evaluation.cost["minutes"]
    return found


if __name__ == "__main__":
    main()
