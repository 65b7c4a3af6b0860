"""Compares the recipe of the released model with simpler ones.

    python benchmarks/release.py REAL ALL OUT --lite0 FILE --vgg16 FILE

REAL is a data set of real photos with boxes. ALL has the same photos, and also composed and
rendered ones and photos that are labeled with the kinds of fruit only. Every row is trained, or its
run in OUT is reused, and answers the validation and test questions of REAL and those about the
unseen source. Recipes are chosen by the validation scores. Writes OUT/release.json and
OUT/release.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from encoders import Encoder, Figures, table, trained

from fruit_caption.config import ModelConfig, TrainingConfig
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.data.records import Split
from fruit_caption.evaluation.evaluate import evaluate_split
from fruit_caption.runs import Run
from fruit_caption.training.trainer import versions
from fruit_caption.utils.files import write_json, write_text

SPLITS: tuple[Split, ...] = ("validation", "test", "unseen")
TEST_COLUMNS = {
    "count": "count",
    "present": "count, fruit present",
    "several": "count of 2 or more",
    "within_one": "count within 1",
    "rmse": "count RMSE",
    "presence": "presence, balanced",
    "identify": "fruit set",
    "f1": "fruit F1",
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
    {"validation_exact": "validation", "validation_several": "validation: count of 2 or more"}
    | {f"test_{name}": title for name, title in TEST_COLUMNS.items()}
    | {f"unseen_{name}": f"unseen: {TEST_COLUMNS[name]}" for name in ("count", "several")}
    | {"minutes": "minutes"}
)
SUMMARY_COLUMNS = {
    "test_present": "count",
    "test_several": "count of 2 or more",
    "test_within_one": "count within 1",
    "test_rmse": "count RMSE",
    "test_identify": "fruit set",
    "unseen_present": "unseen source: count",
    "unseen_identify": "unseen source: fruit set",
}
"""The columns of the README's table; counts are of fruit that is in the photo."""
SUMMARY_ROWS = ("release", "without attention", "blind")
"""The rows of the README's table."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real", type=Path, help="data set of real photos")
    parser.add_argument("all", type=Path, help="data set that also has made photos")
    parser.add_argument("out", type=Path, help="output folder")
    parser.add_argument("--lite0", required=True, help="file with weights of EfficientNet-Lite0")
    parser.add_argument("--vgg16", default="imagenet", help="file with weights of VGG16")
    args = parser.parse_args()
    real = read_data(args.real)
    results: dict[str, list[Figures]] = {}
    for recipe, data, seeds in recipes(args.lite0, args.vgg16, args.real, args.all):
        for seed in range(seeds):
            run = trained(recipe, seed, data, args.out)
            results.setdefault(recipe.name, []).append(figures(run, real))
            print(f"{recipe.name}, seed {seed}: {results[recipe.name][-1]}", flush=True)
            write_json(args.out / "release.json", {"versions": versions(), "results": results})
            write_text(args.out / "release.md", with_goals(table(results, COLUMNS, "model")))


def recipes(
    lite0: str, vgg16: str, real: Path, everything: Path
) -> list[tuple[Encoder, Path, int]]:
    """Return the rows, each with its training data and its number of seeds."""
    frozen = ModelConfig("efficientnet-lite0", lite0, image_size=320)
    fine_tuned = replace(frozen, unfreeze=1)
    long, short = TrainingConfig(epochs=7, quiz=True), TrainingConfig(epochs=12)
    return [
        (Encoder("release", fine_tuned, long), everything, 3),
        (Encoder("without attention", replace(fine_tuned, attention=False), long), everything, 3),
        (Encoder("blind", ModelConfig("blind", "none", attention=False), short), real, 3),
        (Encoder("VGG16, real photos alone", ModelConfig("vgg16", vgg16), short), real, 3),
        (Encoder("scratch, real photos alone", ModelConfig("scratch", "none"), short), real, 3),
        (Encoder("frozen encoder, real photos alone", frozen, short), real, 1),
        (Encoder("frozen encoder", frozen, long), everything, 1),
    ]


def figures(run: Run, real: DataSet) -> Figures:
    """Evaluate a run on all splits; the names of its scores begin with the split."""
    found: Figures = {}
    for split in SPLITS:
        evaluation = evaluate_split(run, real, split)
        scores, kinds = evaluation.scores, evaluation.scores["kinds"]
        of_split = {
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
        found |= {f"{split}_{name}": value for name, value in of_split.items()}
        found["minutes"] = evaluation.cost["minutes"]
    return found


def with_goals(rows: str) -> str:
    """Insert the goals as the first row of a table of results."""
    head, line, *others = rows.splitlines()
    goals = f"| goal | {' | '.join(GOALS.get(column, '') for column in COLUMNS)} |"
    return "\n".join([head, line, goals, *others]) + "\n"


def summary(results: Mapping[str, Sequence[Figures]]) -> str:
    """Return the README's table."""
    return table({name: results[name] for name in SUMMARY_ROWS}, SUMMARY_COLUMNS, "model")


if __name__ == "__main__":
    main()
