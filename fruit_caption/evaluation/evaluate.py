"""`fruit evaluate`: a run's answers to photos that it never learnt from, scored and shown.

Answers are kept beside the run and taken again as long as neither the model nor the data changed.

    RUN/test/answers.jsonl   every question with truth and answer
    RUN/test/metrics.json    scores, those of the baselines, and what an answer costs
    RUN/test/*.png           where it is right, where wrong, and whether it knows
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from fruit_caption import runs
from fruit_caption.data.dataset import DataSet, Example
from fruit_caption.data.features import FEATURES, load_pixels
from fruit_caption.data.records import Split
from fruit_caption.evaluation import photo_sheet, plots
from fruit_caption.evaluation.baselines import majority, question_alone
from fruit_caption.evaluation.calibration import expected_calibration_error
from fruit_caption.evaluation.caption_metrics import score_captions
from fruit_caption.evaluation.color_histogram import answer_by_colour
from fruit_caption.evaluation.metrics import Row, score
from fruit_caption.evaluation.predict import answer_examples, look_up
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import speak
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import digest, read_json, write_json
from fruit_caption.utils.progress import Progress, silent

BASELINES: dict[str, Callable[[Sequence[Example], Sequence[Example]], list[Row]]] = {
    "majority": majority,
    "question alone": question_alone,
    "colour and contour": answer_by_colour,
}
ASKED_ALONE = 12
"""Photos asked one by one, to see how long an answer takes."""


@dataclass(frozen=True)
class Evaluation:
    """Answers to a split, their scores, and what they cost.

    Attributes:
        rows: the answers.
        scores: as `metrics.score` gives them; and `captions`, as `score_captions` does, and
            `calibration_error`, 0 to 1, `None` of a baseline.
        cost: see `_cost`; of a baseline nothing.
    """

    rows: list[Row]
    scores: dict[str, Any]
    cost: dict[str, Any]


def evaluate(
    folder: Path,
    data: DataSet,
    split: Split,
    report: Progress = silent,
    engine: Engine = LOCAL,
) -> dict[str, Any]:
    """Score a run beside the baselines, and draw where it is right and wrong.

    Args:
        folder: of the run.
        data: the data set, whose `train` split the baselines learn from.
        split: which photos to ask about.
        report: told in a line what is worth knowing.
        engine: looks and answers.

    Returns:
        what `metrics.json` holds.

    Raises:
        RunError: there is no such run, or its model can't be loaded.
        DataError: the split has no photo.
        PictureError: a photo can't be read.
        FruitError: the folder can't be written to.
    """
    evaluation = measure(folder, data, split, report, engine)
    out = folder / split
    metrics = read_json(out / runs.METRICS)
    metrics["baselines"] = {
        name: baseline.scores
        for name in BASELINES
        if (baseline := measure_baseline(name, data, split)).rows
    }
    write_json(out / runs.METRICS, metrics)
    _draw(out, evaluation.rows, data.splits[split])
    return metrics


def measure(
    folder: Path,
    data: DataSet,
    split: Split,
    report: Progress = silent,
    engine: Engine = LOCAL,
) -> Evaluation:
    """Let a run answer a split, or take the answers that it gave before.

    Arguments and errors are those of `evaluate`.
    """
    if not data.splits[split]:
        raise DataError(f"{data.folder} has no photo in its {split} split.")
    out = folder / split
    trained_on = runs.read_config(folder).data_digest
    if trained_on and trained_on != data.digest:
        report(f"{folder} learnt from other data than {data.folder}: it may know these photos.")
    key = {"split": split, "data": data.digest, "model": _digest(folder / runs.MODEL)}
    kept = _kept(out, key, data.splits[split], report)
    if kept:
        return kept
    model = runs.load_run(folder)
    examples = data.splits[split]
    files = look_up(model, examples, data.folder / FEATURES, engine=engine)
    rows = answer_examples(model, examples, files, engine=engine)
    runs.write_answers(out / runs.ANSWERS, rows)
    scores, cost = _score(rows), _cost(model, folder, examples)
    write_json(out / runs.METRICS, key | {"scores": scores, "cost": cost})
    return Evaluation(rows, scores, cost)


def measure_baseline(name: str, data: DataSet, split: Split) -> Evaluation:
    """What one of the `BASELINES` answers to a split; without boxes colours answer nothing.

    Raises:
        PictureError: a photo can't be read.
    """
    rows = BASELINES[name](data.splits["train"], data.splits[split])
    return Evaluation(rows, _score(rows) | {"calibration_error": None}, {})


def _score(rows: Sequence[Row]) -> dict[str, Any]:
    return score(rows) | {
        "captions": score_captions(rows),
        "calibration_error": expected_calibration_error(rows),
    }


def _kept(
    out: Path, key: dict[str, Any], examples: Sequence[Example], report: Progress
) -> Evaluation | None:
    """The answers that lie there, if they are to the same questions by the same model."""
    if not (out / runs.METRICS).is_file():
        return None
    try:
        metrics = read_json(out / runs.METRICS)
        if any(metrics.get(name) != value for name, value in key.items()):
            return None
        rows = runs.read_answers(out / runs.ANSWERS, examples)
        return Evaluation(rows, metrics["scores"], metrics["cost"])
    except (DataError, KeyError) as error:
        report(f"{out}: its answers are asked for again ({error})")
        return None


def _cost(model: Captioner, folder: Path, examples: Sequence[Example]) -> dict[str, Any]:
    """`parameters` and `megabytes` of the model, `minutes` of its epochs on cached features (or
    on pixels, if the encoder learns), and `milliseconds` of an answer to one question about one
    photo that is open already, the median of some.
    """
    seconds = [row["seconds"] for row in runs.read_history(folder) if "seconds" in row]
    asked = [example for example in examples if example.items][:ASKED_ALONE]
    look, times = model.looker(), []
    for example in asked:
        pixels = load_pixels([example.path], model.config.image_size)
        began = time.perf_counter()
        speak(model, look(pixels), [[example.items[0].question]])
        times.append(time.perf_counter() - began)
    return {
        "parameters": model.count_params(),
        "megabytes": round((folder / runs.MODEL).stat().st_size / 1e6, 1),
        "minutes": round(sum(seconds) / 60, 1) if seconds else None,
        "milliseconds": round(1000 * median(times)) if times else None,
    }


def _digest(path: Path) -> str:
    return digest(path) if path.is_file() else ""


def _draw(out: Path, rows: Sequence[Row], examples: Sequence[Example]) -> None:
    kinds = {row.item.kind for row in rows}
    if "count" in kinds:
        plots.draw_confusion(out / "confusion.png", rows)
        plots.draw_accuracy_by_count(out / "by-count.png", rows)
    if kinds & {"count", "presence"}:
        plots.draw_accuracy_by_fruit(out / "by-fruit.png", rows)
    plots.draw_reliability(out / "reliability.png", rows)
    paths = {example.name: example.path for example in examples}
    for name, title, chosen in [
        ("mistakes.png", "The mistakes that it was surest of", photo_sheet.mistakes(rows)),
        ("right.png", "Some of what it got right", photo_sheet.right_ones(rows)),
    ]:
        shown = [photo_sheet.show(row, paths[row.photo]) for row in chosen]
        photo_sheet.draw_photo_sheet(out / name, title, shown)
