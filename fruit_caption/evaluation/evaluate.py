"""Evaluates a run on a split: answers, scores, baselines and plots.

Answers are kept in the run folder and reused as long as neither the model nor the data changes.

    RUN/test/answers.jsonl   every question with the true answer and the model's
    RUN/test/metrics.json    scores of the run and of the baselines
    RUN/test/cost.json       size and speed of the model
    RUN/test/*.png           plots, and photos with correct and wrong answers
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from fruit_caption.data.dataset import DataSet, Example
from fruit_caption.data.features import load_pixels
from fruit_caption.data.qa import Prediction
from fruit_caption.data.records import Split
from fruit_caption.evaluation import plots
from fruit_caption.evaluation.baselines import majority, question_alone
from fruit_caption.evaluation.calibration import expected_calibration_error
from fruit_caption.evaluation.caption_metrics import score_captions
from fruit_caption.evaluation.color_histogram import color_histogram_baseline
from fruit_caption.evaluation.detection import Detected, detected_fruits, score_detections
from fruit_caption.evaluation.metrics import score, without_captions
from fruit_caption.evaluation.photo_sheet import (
    draw_photo_sheet,
    sample_correct,
    worst_mistakes,
)
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import Arrays, decode
from fruit_caption.runs import Results, Run
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import file_sha256, read_json, write_json
from fruit_caption.utils.progress import Progress, Steps, no_progress, no_steps

BASELINES: dict[str, Callable[[Sequence[Example], Sequence[Example]], list[Prediction]]] = {
    "majority": majority,
    "question alone": question_alone,
    "color histogram": color_histogram_baseline,
}
"""Function from the training and the evaluated examples to answers, for each baseline."""

TIMED_PHOTOS = 12
"""Number of photos used to measure the time per answer."""


@dataclass(frozen=True)
class Evaluation:
    """Answers to a split with their scores and cost.

    Attributes:
        rows: The answers.
        scores: The scores of `metrics.score`, and also `captions` (see `score_captions`) and
            `calibration_error`, 0 to 1 (None in the scores of a baseline), and `detector` (see
            `score_detections`, not in the scores of a baseline).
        cost: `parameters`; `megabytes` of the model file; `minutes` of training, all epochs
            together; `milliseconds` per answer (median).
    """

    rows: list[Prediction]
    scores: dict[str, Any]
    cost: dict[str, Any]


def evaluate_and_plot(
    run: Run,
    data: DataSet,
    split: Split,
    report: Progress = no_progress,
    engine: Engine = LOCAL,
    answered: Steps = no_steps,
) -> dict[str, Any]:
    """Evaluate a run and the baselines on a split, and draw plots.

    Args:
        run: A finished run.
        data: The data set. The baselines use its `train` split.
        split: The split to evaluate on.
        report: Called with messages for the user.
        engine: Runs the encoder and the decoder.
        answered: Receives the number of photos whose questions are answered.

    Returns:
        The content of `metrics.json`.

    Raises:
        RunError: There is no such run, or its model can't be loaded.
        DataError: The split has no photos.
        PictureError: A photo can't be read.
        FruitError: The folder can't be written to.
    """
    evaluation = evaluate_split(run, data, split, report, engine, answered)
    results = run.results(split)
    metrics = read_json(results.metrics_file)
    metrics["baselines"] = evaluate_baselines(data, split)
    write_json(results.metrics_file, metrics)
    _draw_plots(results.folder, evaluation.rows, data.splits[split])
    return metrics


def evaluate_split(
    run: Run,
    data: DataSet,
    split: Split,
    report: Progress = no_progress,
    engine: Engine = LOCAL,
    answered: Steps = no_steps,
) -> Evaluation:
    """Let a run answer a split, or load its answers if nothing has changed since.

    Args:
        run: A finished run.
        data: The data set.
        split: The split to evaluate on.
        report: Called with messages for the user.
        engine: Runs the encoder and the decoder.
        answered: Receives the number of photos whose questions are answered.

    Raises:
        RunError: There is no such run, or its model can't be loaded.
        DataError: The split has no photos.
        PictureError: A photo can't be read.
        FruitError: The folder can't be written to.
    """
    examples = data.splits[split]
    if not examples:
        raise DataError(f"{data.folder} has no photos in its {split} split.")
    results = run.results(split)
    trained_on = run.read_config().data_digest
    if trained_on and trained_on != data.digest:
        report(f"{run} was trained on other data than {data.folder}; it may know these photos.")
    model_digest = file_sha256(run.model_file) if run.is_finished else ""
    key = {"split": split, "data": data.digest, "model": model_digest}
    saved = _load_saved(results, key, examples, report)
    if saved:
        return saved
    model = run.load_model()
    rows, found = predict(model, examples, engine=engine, answered=answered)
    results.write_answers(rows)
    cost = _measure_cost(model, run, examples)
    scores = _score(rows) | {"detector": score_detections(found, examples, model.fruits)}
    write_json(results.cost_file, cost)
    write_json(results.metrics_file, key | {"scores": scores})
    return Evaluation(rows, scores, cost)


def evaluate_baselines(data: DataSet, split: Split) -> dict[str, dict[str, Any]]:
    """Score the baselines on a split.

    Args:
        data: The data set. The baselines use its `train` split.
        split: The split to evaluate on.

    Returns:
        For each baseline, its scores as in `Evaluation.scores`. "color histogram" is missing if
        the training photos have no boxes.

    Raises:
        PictureError: A photo can't be read.
    """
    scores = {}
    for name, answer in BASELINES.items():
        if rows := answer(data.splits["train"], data.splits[split]):
            scores[name] = _score(rows) | {"calibration_error": None}
    return scores


def _score(rows: Sequence[Prediction]) -> dict[str, Any]:
    return score(rows) | {
        "captions": score_captions(rows),
        "calibration_error": expected_calibration_error(without_captions(rows)),
    }


def _load_saved(
    results: Results, key: dict[str, Any], examples: Sequence[Example], report: Progress
) -> Evaluation | None:
    """Load an evaluation; None if there is none or it belongs to another model or other data."""
    if not results.metrics_file.is_file():
        return None
    try:
        metrics = read_json(results.metrics_file)
        if any(metrics.get(name) != value for name, value in key.items()):
            return None
        rows = results.read_answers(examples)
        return Evaluation(rows, metrics["scores"], read_json(results.cost_file))
    except (DataError, KeyError) as error:
        report(f"{results.folder} is evaluated again: {error}")
        return None


def _measure_cost(model: Captioner, run: Run, examples: Sequence[Example]) -> dict[str, Any]:
    """Measure what `Evaluation.cost` holds; the time per answer excludes opening the photo."""
    encode, seconds = model.encoder_fn(), []
    for example in [example for example in examples if example.qa_pairs][:TIMED_PHOTOS]:
        pixels = load_pixels([example.path], model.config.image_size)
        start = time.perf_counter()
        decode(model, encode(pixels), [[example.qa_pairs[0].question]])
        seconds.append(time.perf_counter() - start)
    epochs = [row["seconds"] for row in run.read_history() if "seconds" in row]
    return {
        "parameters": model.count_params(),
        "megabytes": round(run.model_file.stat().st_size / 1e6, 1),
        "minutes": round(sum(epochs) / 60, 1) if epochs else None,
        "milliseconds": round(1000 * median(seconds)) if seconds else None,
    }


def _draw_plots(out: Path, rows: Sequence[Prediction], examples: Sequence[Example]) -> None:
    kinds = {row.qa_pair.kind for row in rows}
    if "count" in kinds:
        plots.draw_confusion(out / "confusion.png", rows)
        plots.draw_accuracy_by_count(out / "by-count.png", rows)
    if kinds & {"count", "presence"}:
        plots.draw_accuracy_by_fruit(out / "by-fruit.png", rows)
    plots.draw_reliability(out / "reliability.png", without_captions(rows))
    photos = {example.name: example.path for example in examples}
    mistakes, correct = worst_mistakes(rows), sample_correct(rows)
    title = "Mistakes with the highest confidence"
    draw_photo_sheet(out / "mistakes.png", title, mistakes, photos)
    draw_photo_sheet(out / "right.png", "Some correct answers", correct, photos)


def predict(
    model: Captioner,
    examples: Sequence[Example],
    batch: int = 32,
    engine: Engine = LOCAL,
    answered: Steps = no_steps,
) -> tuple[list[Prediction], list[Detected]]:
    """Answer every question about some photos.

    Args:
        model: A trained model.
        examples: Photos and questions.
        batch: Number of photos per batch.
        engine: Runs the model.
        answered: Receives the number of photos whose questions are answered.

    Returns:
        One prediction for each question, in the order of the examples and their questions; and the
        fruits that the detector found in each photo.

    Raises:
        PictureError: A photo can't be read.
    """
    batches = [examples[start : start + batch] for start in range(0, len(examples), batch)]
    size = model.config.image_size
    results = engine.map_with_model(
        partial(_batch_predictor, model), batches, partial(_load_examples, size)
    )
    rows: list[Prediction] = []
    found: list[Detected] = []
    for done, (predictions, detected) in enumerate(results, start=1):
        rows += predictions
        found += detected
        answered(min(done * batch, len(examples)), len(examples))
    return rows, found


def answer_questions(
    model: Captioner, examples: Sequence[Example], encoding: Arrays
) -> list[Prediction]:
    """Answer every question about photos that went through `Captioner.neck`."""
    questions = [[pair.question for pair in example.qa_pairs] for example in examples]
    decoded = decode(model, encoding, questions)
    return [
        Prediction(example.name, pair, answer.text, answer.confidence)
        for example, answers in zip(examples, decoded, strict=True)
        for pair, answer in zip(example.qa_pairs, answers, strict=True)
    ]


def _load_examples(size: int, examples: Sequence[Example]) -> tuple[Sequence[Example], np.ndarray]:
    return examples, load_pixels([example.path for example in examples], size)


def _batch_predictor(
    model: Captioner,
) -> Callable[[tuple[Sequence[Example], np.ndarray]], tuple[list[Prediction], list[Detected]]]:
    """Return a function that does `predict` for a batch of examples and their pixels."""
    encode = model.encoder_fn()

    def predict_batch(
        batch: tuple[Sequence[Example], np.ndarray],
    ) -> tuple[list[Prediction], list[Detected]]:
        examples, pixels = batch
        encoding = encode(pixels)
        return answer_questions(model, examples, encoding), detected_fruits(encoding)

    return predict_batch
