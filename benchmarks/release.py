"""Compares the released model with one without attention and one that sees no photo.

    python benchmarks/release.py REAL ALL OUT --lite0 FILE

REAL is a data set of real photos with boxes. ALL has the same photos, and also composed and
rendered ones and photos that are labeled with the kinds of fruit only. The rows are trained on ALL
(the blind model, which learns next to nothing, on REAL), or their runs in OUT are reused or
continued. They answer the validation and test questions of REAL and those about the unseen source.
Recipes are chosen by the validation scores. Writes OUT/release.json and OUT/release.md: a table of
answers and a table of what the detector alone counts.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fruit_caption.comparison.report import format_mean
from fruit_caption.config import ModelConfig, RunConfig, TrainingConfig
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.data.records import Split
from fruit_caption.evaluation.evaluate import evaluate_split
from fruit_caption.runs import Run
from fruit_caption.training.trainer import train, versions
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_json, write_text

Recipe = tuple[ModelConfig, TrainingConfig]
Figures = dict[str, float | None]
"""Scores of one run by name; shares are from 0 to 1."""
Results = Mapping[str, Sequence[Figures]]
"""The figures of each seed by row."""

EPOCHS = 80
"""Number of passes over the photos that teach encoder and detector."""
ROWS = ("release", "without attention", "blind")
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
    "test_several": "75",
    "test_within_one": "96",
    "test_rmse": "0.5",
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
DETECTOR_COLUMNS = {
    f"{split}_detector_{name}": f"{split}: {title}"
    for split in SPLITS
    for name, title in (
        ("present", "count, fruit present"),
        ("several", "count of 2 or more"),
        ("total", "number of all fruits"),
        ("single", "number of all fruits, one kind"),
        ("kind", "kind"),
    )
}
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real", type=Path, help="data set of real photos")
    parser.add_argument("all", type=Path, help="data set that also has made photos")
    parser.add_argument("out", type=Path, help="output folder")
    parser.add_argument("--lite0", required=True, help="file with weights of EfficientNet-Lite0")
    parser.add_argument("--rows", nargs="+", default=ROWS, choices=ROWS, help="rows to train")
    parser.add_argument("--seeds", type=int, default=3, help="number of runs of each row")
    parser.add_argument("--mixed-precision", action="store_true", help="train in bfloat16")
    args = parser.parse_args()
    real = read_data(args.real)
    results: dict[str, list[Figures]] = {}
    for seed in range(args.seeds):
        training = TrainingConfig(
            epochs=EPOCHS, quiz=True, seed=seed, mixed_precision=args.mixed_precision
        )
        for name in args.rows:
            recipe = recipes(args.lite0, training)[name]
            data = args.real if name == "blind" else args.all
            run = trained(recipe, data, args.out / f"{name}-{seed}".replace(" ", "-"))
            found = figures(run, real)
            results.setdefault(name, []).append(found)
            print(f"{name}, seed {seed}: {found}", flush=True)
            write_json(args.out / "release.json", {"versions": versions(), "results": results})
            tables = with_goals(table(results, COLUMNS)), table(results, DETECTOR_COLUMNS)
            write_text(args.out / "release.md", "\n".join(tables))


def recipes(lite0: str, training: TrainingConfig) -> dict[str, Recipe]:
    """Return the settings of each row."""
    model = ModelConfig("efficientnet-lite0", lite0, image_size=320)
    blind = ModelConfig("blind", "none", attention=False)
    return {
        "release": (model, training),
        "without attention": (replace(model, attention=False), training),
        # There is nothing to detect, and no count to read.
        "blind": (blind, replace(training, epochs=1, pretrain_steps=0)),
    }


def trained(recipe: Recipe, data: Path, folder: Path) -> Run:
    """Return the run in a folder; train it first, or continue, if necessary."""
    run = Run(folder)
    if not run.is_finished:
        train(RunConfig(str(data), *recipe, versions()), run, resume=run.is_started)
    return run


def figures(run: Run, real: DataSet) -> Figures:
    """Evaluate a run on all splits; the names of its scores begin with the split."""
    found: Figures = {}
    for split in SPLITS:
        evaluation = evaluate_split(run, real, split)
        of_split = _figures_of_split(evaluation.scores)
        found |= {f"{split}_{name}": value for name, value in of_split.items()}
        found["minutes"] = evaluation.cost["minutes"]
    return found


def _figures_of_split(scores: Mapping[str, Any]) -> Figures:
    kinds = scores["kinds"]
    found = {
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
    detector = scores["detector"].items()
    return found | {f"detector_{name}": score["exact"] for name, score in detector}


def table(results: Results, columns: Mapping[str, str]) -> str:
    """Format results as a Markdown table: mean and standard deviation over the seeds, shares in %.

    Args:
        results: The figures of each seed by row.
        columns: The column titles by the name of the figure.
    """
    rows = [
        [name, *(_cell(column, [found[column] for found in by_seed]) for column in columns)]
        for name, by_seed in results.items()
    ]
    return markdown.table(["model", *columns.values()], rows)


def _cell(column: str, values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    is_rmse = column.endswith("rmse")
    scale = 1 if is_rmse or column == "minutes" else 100
    return format_mean(known, digits=2 if is_rmse else 1, scale=scale)


def with_goals(rows: str) -> str:
    """Insert the goals as the first row of a table of results."""
    head, line, *others = rows.splitlines()
    goals = f"| goal | {' | '.join(GOALS.get(column, '') for column in COLUMNS)} |"
    return "\n".join([head, line, goals, *others]) + "\n"


def summary(results: Results) -> str:
    """Return the README's table."""
    return table(results, SUMMARY_COLUMNS)


if __name__ == "__main__":
    main()
