"""`fruit compare`: pretrained and scratch, attention and none, side by side.

The four variants and a blind model are trained on the same data with the same settings, or
reused where they are trained already, and scored on photos that none of them has learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fruit_caption import runs
from fruit_caption.baselines import majority
from fruit_caption.config import ModelConfig, RunConfig
from fruit_caption.dataset import DataSet, read_data
from fruit_caption.errors import RunError, WeightsError
from fruit_caption.files import write_json, write_text
from fruit_caption.metrics import Row, score
from fruit_caption.models.encoders import OWN
from fruit_caption.photos import Split
from fruit_caption.plots import draw_accuracy, draw_learning_curves
from fruit_caption.training import FEATURES, Listener, answer_examples, look_up, train

MAJORITY, BLIND = "majority", "blind"
KINDS = ("overall", "count", "total", "identify", "presence", "caption")
COLUMNS = ("approach", *KINDS, "counts of 2 and more", "count within 1", "count RMSE")
TITLES: dict[Split, str] = {"test": "test split", "unseen": "photos of an unseen source"}


@dataclass(frozen=True)
class Variant:
    """One of the approaches that are compared."""

    name: str
    encoder: str
    attention: bool


VARIANTS = (
    Variant("pretrained + attention", "vgg16", True),
    Variant("pretrained", "vgg16", False),
    Variant("scratch + attention", "scratch", True),
    Variant("scratch", "scratch", False),
)


def compare(
    config: RunConfig,
    folder: Path,
    listener: Listener | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Train what is not trained yet, score all on the test split, and write tables and graphs.

    `folder` gets a run for each variant, `comparison.json`, `comparison.md` and PNG graphs.
    Where VGG16's weights can't be downloaded, the pretrained variants are left out, and it is
    said so.

    Args:
        config: data, training and everything of the model but encoder and attention.
        folder: of the comparison.
        listener: told how each training goes on.
        report: told in a line what is being done.

    Returns:
        what `comparison.json` holds.
    """
    data = read_data(Path(config.data))
    left_out: dict[str, str] = {}
    trained: list[Variant] = []
    for variant in (Variant(BLIND, "blind", False), *VARIANTS):
        report(f"training {variant.name}")
        try:
            _train_or_reuse(_config_of(config, variant), _folder_of(folder, variant), listener)
            trained.append(variant)
        except WeightsError as error:
            if config.model.encoder_weights != "imagenet":
                raise  # a file that somebody named
            left_out[variant.name] = str(error)
            report(f"{variant.name} is left out: {error}")
    splits: list[Split] = [split for split in TITLES if data.splits[split]]
    report("scoring")
    results: dict[Split, Any] = {split: {MAJORITY: _majority(data, split)} for split in splits}
    for variant in trained:
        model = runs.load_run(_folder_of(folder, variant))
        for split in splits:
            examples = data.splits[split]
            files = look_up(model, examples, data.folder / FEATURES)
            rows = answer_examples(model, examples, files)
            runs.write_answers(_folder_of(folder, variant) / f"answers-{split}.jsonl", rows)
            results[split][variant.name] = score(rows)
    comparison = {
        "data": {
            "folder": config.data,
            "photos": {split: len(examples) for split, examples in data.splits.items()},
        },
        "model": config.model.to_json()
        | {"encoder_weights": Path(config.model.encoder_weights).name},
        "training": config.training.to_json(),
        "versions": config.versions,
        "left_out": left_out,
        "results": results,
    }
    write_json(folder / "comparison.json", comparison)
    write_text(folder / "comparison.md", markdown(comparison))
    _draw(folder, results, trained)
    return comparison


def markdown(comparison: dict[str, Any]) -> str:
    """The comparison as Markdown tables, one for each split that was scored."""
    tables = []
    for split, results in comparison["results"].items():
        questions = next(iter(results.values()))["n"]
        photos = comparison["data"]["photos"][split]
        lines = [
            f"Right answers in %, {TITLES[split]}: {photos} photos, {questions} questions.",
            "",
            f"| {' | '.join(COLUMNS)} |",
            f"| --- |{' ---: |' * (len(COLUMNS) - 1)}",
        ]
        for name, scores in results.items():
            exact = _by_kind(scores)
            count = scores["kinds"].get("count", {})
            cells = [_percent(exact.get(kind)) for kind in KINDS]
            cells += [_percent(scores["several"]["exact"]), _percent(count.get("within_one"))]
            cells.append("-" if count.get("rmse") is None else f"{count['rmse']:.2f}")
            lines.append(f"| {name} | {' | '.join(cells)} |")
        tables.append("\n".join(lines) + "\n")
    notes = [f"{name} is left out: {reason}\n" for name, reason in comparison["left_out"].items()]
    return "\n".join([*tables, *notes])


def _config_of(config: RunConfig, variant: Variant) -> RunConfig:
    weights = "none" if variant.encoder in OWN else config.model.encoder_weights
    model: ModelConfig = replace(
        config.model,
        encoder=variant.encoder,
        encoder_weights=weights,
        attention=variant.attention,
    )
    return replace(config, model=model)


def _folder_of(folder: Path, variant: Variant) -> Path:
    return folder / variant.name.replace(" + ", "-")


def _train_or_reuse(config: RunConfig, folder: Path, listener: Listener | None) -> None:
    """Train a run, go on with an interrupted one, or leave one that is finished as it is."""
    if not (folder / runs.MODEL).is_file():
        train(config, folder, resume=(folder / runs.CONFIG).is_file(), listener=listener)
        return
    if not runs.read_config(folder).is_like(config):
        raise RunError(
            f"{folder} was trained with other settings (its {runs.CONFIG}); "
            "choose another name with --name."
        )


def _majority(data: DataSet, split: Split) -> dict[str, Any]:
    rows: Sequence[Row] = majority(data.splits["train"], data.splits[split])
    return score(rows)


def _by_kind(scores: dict[str, Any]) -> dict[str, float | None]:
    kinds = {kind: values["exact"] for kind, values in scores["kinds"].items()}
    return {"overall": scores["exact"], **kinds}


def _draw(folder: Path, results: dict[Split, Any], trained: Sequence[Variant]) -> None:
    for split, scored in results.items():
        exact = {name: _by_kind(scores) for name, scores in scored.items()}
        draw_accuracy(
            folder / f"accuracy-{split}.png", f"Right answers, {TITLES[split]}", KINDS, exact, 2
        )
    histories = {
        variant.name: runs.read_history(_folder_of(folder, variant))
        for variant in (*trained[1:], *trained[:1])
    }
    draw_learning_curves(folder / "learning-curves.png", histories)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
