"""`fruit compare`: pretrained and scratch, attention and none, side by side.

The variants and a blind model are trained on the same data with the same settings, each with
several seeds, or reused where they are trained already, and scored on photos that none of them
has learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

from fruit_caption.comparison.report import write_report
from fruit_caption.comparison.significance import paired_bootstrap
from fruit_caption.config import RunConfig
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.data.qa import CAPTION, Prediction
from fruit_caption.data.records import Split
from fruit_caption.data.splits import group_of
from fruit_caption.evaluation.evaluate import (
    BASELINES,
    Evaluation,
    evaluate_baseline,
    evaluate_split,
)
from fruit_caption.evaluation.metrics import counts_at_least
from fruit_caption.models.encoders import OWN
from fruit_caption.runs import Run
from fruit_caption.training.trainer import TrainingListener, train
from fruit_caption.utils.errors import FruitError, RunError, WeightsError
from fruit_caption.utils.files import lock_folder, write_json
from fruit_caption.utils.progress import Progress, no_progress

SPLITS: tuple[Split, ...] = ("test", "unseen")
COMPARISON = "comparison.json"


@dataclass(frozen=True)
class Variant:
    """One of the approaches that are compared.

    Attributes:
        encoder: a name that `models.encoders.encoder_parts` takes.
        attention: whether the decoder looks at the grid.
    """

    encoder: str
    attention: bool

    @property
    def name(self) -> str:
        """As a person calls it; VGG16 is what "pretrained" means."""
        eye = "pretrained" if self.encoder == "vgg16" else self.encoder
        return f"{eye} + attention" if self.attention else eye

    @classmethod
    def named(cls, name: str) -> Variant:
        """The variant of a name such as "scratch + attention" or "MobileNetV3Large".

        Raises:
            FruitError: what follows the + is not "attention".
        """
        eye, plus, rest = (part.strip() for part in name.partition("+"))
        if not eye or (plus and rest != "attention"):
            raise FruitError(
                f'"{name}" is no variant; write an eye alone, or with attention: '
                '"pretrained + attention", "scratch", "efficientnet-lite0 + attention".'
            )
        return cls("vgg16" if eye == "pretrained" else eye, bool(plus))


BLIND = Variant("blind", False)
VARIANTS = tuple(
    Variant(eye, attention) for eye in ("vgg16", "scratch") for attention in (True, False)
)


def compare(
    config: RunConfig,
    folder: Path,
    variants: Sequence[Variant] = VARIANTS,
    seeds: int = 1,
    listener: TrainingListener | None = None,
    report: Progress = no_progress,
) -> dict[str, Any]:
    """Train what is not trained yet, score all on the test split, and write tables and graphs.

    `folder` gets a run for each variant and seed, `comparison.json`, and what
    `reporting.write_report` writes. Where ImageNet's weights can't be downloaded, the variants
    that need them are left out, and it is said so.

    Args:
        config: data, training and everything of the model but encoder and attention.
        folder: of the comparison.
        variants: what is compared; a blind model is added.
        seeds: how many times each is trained, from `config.training.seed` on.
        listener: told how each training goes on.
        report: told in a line what is being done.

    Returns:
        what `comparison.json` holds.

    Raises:
        FruitError: another process compares there.
        RunError: a run in `folder` was made with other settings or other data.
        DataError, PictureError, WeightsError: the data, a photo or named weights can't be used.
    """
    data = read_data(Path(config.data))
    config = replace(config, data_digest=data.digest)
    with lock_folder(folder):
        trained, left_out = _train_all(config, folder, variants, seeds, listener, report)
        comparison = {
            "data": {
                "folder": config.data,
                "digest": data.digest,
                "photos": {split: len(examples) for split, examples in data.splits.items()},
            },
            "model": config.model.to_json()
            | {"encoder_weights": Path(config.model.encoder_weights).name},
            "training": config.training.to_json(),
            "seeds": seeds,
            "versions": config.versions,
            "left_out": left_out,
            **_scored(data, trained, report),
        }
        write_json(folder / COMPARISON, comparison)
        runs_of = {variant.name: folders for variant, folders in trained.items()}
        write_report(folder, comparison, data, runs_of)
    return comparison


def _train_all(
    config: RunConfig,
    folder: Path,
    variants: Sequence[Variant],
    seeds: int,
    listener: TrainingListener | None,
    report: Progress,
) -> tuple[dict[Variant, list[Run]], dict[str, str]]:
    """The runs of each variant, and why some variants are left out."""
    first = config.training.seed
    trained: dict[Variant, list[Run]] = {}
    left_out: dict[str, str] = {}
    for variant in (BLIND, *variants):
        folders = [Run(folder / f"{_slug(variant)}-{seed}") for seed in range(first, first + seeds)]
        try:
            for number, run in enumerate(folders, start=first):
                report(f"training {variant.name}, seed {number}")
                _train_or_reuse(_config_of(config, variant, number), run, listener)
            trained[variant] = folders
        except WeightsError as error:
            if config.model.encoder_weights != "imagenet":
                raise  # a file that somebody named
            left_out[variant.name] = str(error)
            report(f"{variant.name} is left out: {error}")
    return trained, left_out


def _config_of(config: RunConfig, variant: Variant, seed: int) -> RunConfig:
    weights = "none" if variant.encoder in OWN else config.model.encoder_weights
    model = replace(
        config.model,
        encoder=variant.encoder,
        encoder_weights=weights,
        attention=variant.attention,
    )
    return replace(config, model=model, training=replace(config.training, seed=seed))


def _slug(variant: Variant) -> str:
    return variant.name.replace(" + ", "-")


def _train_or_reuse(config: RunConfig, run: Run, listener: TrainingListener | None) -> None:
    """Train a run, go on with an interrupted one, or leave one that is finished as it is."""
    if not run.is_finished:
        train(config, run, resume=run.is_started, listener=listener)
        return
    unlike = run.read_config().unlike(config)
    if unlike:
        raise RunError(f"{run} was trained with other settings ({unlike}).", "run-differs")


def _scored(
    data: DataSet, trained: dict[Variant, list[Run]], report: Progress
) -> dict[str, dict[str, Any]]:
    """`results` of each split (for each approach its scores, one for each seed), `differences` of
    each split, and `costs` of each variant.
    """
    found: dict[str, dict[str, Any]] = {"results": {}, "differences": {}, "costs": {}}
    for split in SPLITS:
        if not data.splits[split]:
            continue
        report(f"scoring {split}")
        answers = {
            variant: [evaluate_split(run, data, split, report) for run in folders]
            for variant, folders in trained.items()
        }
        found["results"][split] = {
            name: [baseline.scores]
            for name in BASELINES
            if (baseline := evaluate_baseline(name, data, split)).rows
        } | {variant.name: [one.scores for one in ones] for variant, ones in answers.items()}
        found["differences"][split] = _differences(answers, data, split)
        if not found["costs"]:
            found["costs"] = {variant.name: _cost(ones) for variant, ones in answers.items()}
    return found


def _differences(
    answers: dict[Variant, list[Evaluation]], data: DataSet, split: Split
) -> list[dict[str, Any]]:
    """What the eye buys, what attention buys, and what looking buys at all."""
    groups = {
        example.name: group_of(example.photo) if example.photo else example.name
        for example in data.splits[split]
    }
    differences = []
    for ours, theirs in _pairs([variant for variant in answers if variant != BLIND]):
        for subset, belongs in SUBSETS.items():
            rows = [
                [[row for row in one.rows if belongs(row)] for one in answers[variant]]
                for variant in (ours, theirs)
            ]
            if rows[0][0]:
                found = paired_bootstrap(rows[0], rows[1], groups)
                differences.append(
                    {"of": ours.name, "over": theirs.name, "subset": subset, **found.to_json()}
                )
    return differences


def _pairs(variants: Sequence[Variant]) -> list[tuple[Variant, Variant]]:
    """Those that differ in one thing, and each beside the blind model."""
    alike = [
        (ours, theirs)
        for ours, theirs in combinations(variants, 2)
        if ours.encoder == theirs.encoder or ours.attention == theirs.attention
    ]
    return alike + [(variant, BLIND) for variant in variants]


SUBSETS: dict[str, Callable[[Prediction], bool]] = {
    "overall": lambda row: row.item.kind != CAPTION,
    "counts of 2 and more": lambda row: counts_at_least(row, 2),
}


def _cost(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """The mean over the seeds of what `Evaluation.cost` holds."""
    costs = [one.cost for one in evaluations]
    return {
        name: None if any(cost[name] is None for cost in costs) else mean(c[name] for c in costs)
        for name in costs[0]
    }
