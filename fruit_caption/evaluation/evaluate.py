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
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from fruit_caption.data import features
from fruit_caption.data.augmentation import views_of
from fruit_caption.data.dataset import DataSet, Example
from fruit_caption.data.features import FEATURES, load_pixels
from fruit_caption.data.qa import Prediction
from fruit_caption.data.records import Split
from fruit_caption.evaluation import photo_sheet, plots
from fruit_caption.evaluation.baselines import majority, question_alone
from fruit_caption.evaluation.calibration import expected_calibration_error
from fruit_caption.evaluation.caption_metrics import score_captions
from fruit_caption.evaluation.color_histogram import color_histogram_baseline
from fruit_caption.evaluation.metrics import score
from fruit_caption.models.captioner import Captioner
from fruit_caption.models.decoding import decode
from fruit_caption.runs import Results, Run
from fruit_caption.utils.engines import LOCAL, Engine
from fruit_caption.utils.errors import DataError
from fruit_caption.utils.files import digest, read_json, write_json
from fruit_caption.utils.progress import Progress, no_progress

BASELINES: dict[str, Callable[[Sequence[Example], Sequence[Example]], list[Prediction]]] = {
    "majority": majority,
    "question alone": question_alone,
    "color histogram": color_histogram_baseline,
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

    rows: list[Prediction]
    scores: dict[str, Any]
    cost: dict[str, Any]


def evaluate_and_plot(
    run: Run,
    data: DataSet,
    split: Split,
    report: Progress = no_progress,
    engine: Engine = LOCAL,
) -> dict[str, Any]:
    """Score a run beside the baselines, and draw where it is right and wrong.

    Args:
        run: a finished run.
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
    evaluation = evaluate_split(run, data, split, report, engine)
    results = run.results(split)
    metrics = read_json(results.metrics_file)
    metrics["baselines"] = {
        name: baseline.scores
        for name in BASELINES
        if (baseline := evaluate_baseline(name, data, split)).rows
    }
    write_json(results.metrics_file, metrics)
    _draw(results.folder, evaluation.rows, data.splits[split])
    return metrics


def evaluate_split(
    run: Run,
    data: DataSet,
    split: Split,
    report: Progress = no_progress,
    engine: Engine = LOCAL,
) -> Evaluation:
    """Let a run answer a split, or take the answers that it gave before.

    Arguments and errors are those of `evaluate`.
    """
    if not data.splits[split]:
        raise DataError(f"{data.folder} has no photo in its {split} split.")
    results = run.results(split)
    trained_on = run.read_config().data_digest
    if trained_on and trained_on != data.digest:
        report(f"{run} learnt from other data than {data.folder}: it may know these photos.")
    key = {"split": split, "data": data.digest, "model": _digest(run.model_file)}
    kept = _kept(results, key, data.splits[split], report)
    if kept:
        return kept
    model = run.load_model()
    examples = data.splits[split]
    files = encode_photos(model, examples, data.folder / FEATURES, engine=engine)
    rows = predict(model, examples, files, engine=engine)
    results.write_answers(rows)
    scores, cost = _score(rows), _cost(model, run, examples)
    write_json(results.cost_file, cost)
    write_json(results.metrics_file, key | {"scores": scores})
    return Evaluation(rows, scores, cost)


def evaluate_baseline(name: str, data: DataSet, split: Split) -> Evaluation:
    """What one of the `BASELINES` answers to a split; without boxes colors answer nothing.

    Raises:
        PictureError: a photo can't be read.
    """
    rows = BASELINES[name](data.splits["train"], data.splits[split])
    return Evaluation(rows, _score(rows) | {"calibration_error": None}, {})


def _score(rows: Sequence[Prediction]) -> dict[str, Any]:
    return score(rows) | {
        "captions": score_captions(rows),
        "calibration_error": expected_calibration_error(rows),
    }


def _kept(
    results: Results, key: dict[str, Any], examples: Sequence[Example], report: Progress
) -> Evaluation | None:
    """The answers that lie there, if they are to the same questions by the same model."""
    if not results.metrics_file.is_file():
        return None
    try:
        metrics = read_json(results.metrics_file)
        if any(metrics.get(name) != value for name, value in key.items()):
            return None
        rows = results.read_answers(examples)
        return Evaluation(rows, metrics["scores"], read_json(results.cost_file))
    except (DataError, KeyError) as error:
        report(f"{results.folder}: its answers are asked for again ({error})")
        return None


def _cost(model: Captioner, run: Run, examples: Sequence[Example]) -> dict[str, Any]:
    """`parameters` and `megabytes` of the model, `minutes` of its epochs on cached features (or
    on pixels, if the encoder learns), and `milliseconds` of an answer to one question about one
    photo that is open already, the median of some.
    """
    seconds = [row["seconds"] for row in run.read_history() if "seconds" in row]
    asked = [example for example in examples if example.items][:ASKED_ALONE]
    look, times = model.encoder_fn(), []
    for example in asked:
        pixels = load_pixels([example.path], model.config.image_size)
        began = time.perf_counter()
        decode(model, look(pixels), [[example.items[0].question]])
        times.append(time.perf_counter() - began)
    return {
        "parameters": model.count_params(),
        "megabytes": round(run.model_file.stat().st_size / 1e6, 1),
        "minutes": round(sum(seconds) / 60, 1) if seconds else None,
        "milliseconds": round(1000 * median(times)) if times else None,
    }


def _digest(path: Path) -> str:
    return digest(path) if path.is_file() else ""


def _draw(out: Path, rows: Sequence[Prediction], examples: Sequence[Example]) -> None:
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


def predict(
    model: Captioner,
    examples: Sequence[Example],
    files: Sequence[Sequence[Path]],
    batch: int = 32,
    engine: Engine = LOCAL,
) -> list[Prediction]:
    """Answer every question about some photos.

    Args:
        model: a trained model.
        examples: photos and questions.
        files: what `encode_photos` gives for the examples; the plain view is answered about.
        batch: photos at a time.
        engine: answers.

    Returns:
        a row for each question, in the order of the examples and of their items.
    """
    plain = [views[0] for views in files]
    batches = [
        (examples[start : start + batch], plain[start : start + batch])
        for start in range(0, len(examples), batch)
    ]
    answered = engine.map_with_model(partial(_answerer, model), batches)
    return [row for rows in answered for row in rows]


def _answerer(
    model: Captioner,
) -> Callable[[tuple[Sequence[Example], Sequence[Path]]], list[Prediction]]:
    """A function that answers every question about some photos, with a file of each."""

    def answer(batch: tuple[Sequence[Example], Sequence[Path]]) -> list[Prediction]:
        examples, files = batch
        seen = features.load(files)
        # Folding what learns, anew after each epoch, would take longer than it saves.
        seen = (
            model.trainable_encoder.predict_on_batch(seen)
            if model.trainable_encoder
            else seen.astype("float32")
        )
        questions = [[item.question for item in one.items] for one in examples]
        spoken = decode(model, model.encode_features(seen), questions)
        return [
            Prediction(example.name, item, said.text, said.confidence)
            for example, answers in zip(examples, spoken, strict=True)
            for item, said in zip(example.items, answers, strict=True)
        ]

    return answer


def encode_photos(
    model: Captioner,
    examples: Sequence[Example],
    cache: Path,
    views: int = 1,
    progress: features.Progress = lambda done, total: None,
    engine: Engine = LOCAL,
) -> list[list[Path]]:
    """What the frozen part of a model's encoder sees in some photos; pixels, if nothing is frozen.

    Args:
        model: whose encoder looks, and at which size.
        examples: the photos.
        cache: the folder where what was seen is kept.
        views: how many of each photo; the first is the plain one.
        progress: told how many of those that were not in the cache are done.
        engine: looks.

    Returns:
        for each photo and view a file of the cache, which `features.load` reads.

    Raises:
        PictureError: a photo can't be read.
        FruitError: the cache can't be written to.
    """
    shown = [
        (example.path, view)
        for example in examples
        for view in views_of(example.name, example.photo, views)
    ]
    size = model.config.image_size
    if model.frozen_encoder:
        files = features.extract_features(
            model.frozen_encoder, shown, size, cache, progress, engine
        )
    else:
        files = features.extract_pixels(shown, size, cache, engine)
    return [files[start : start + views] for start in range(0, len(files), views)]
