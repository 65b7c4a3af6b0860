"""Trains several variants of the model on one data set and scores them side by side.

The variants and a blind model, which sees no photo, are trained with the same settings and several
seeds. Runs that are finished already are reused. All are scored on the test split and on the photos
of unseen sources.
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
from fruit_caption.config import SHIPPED, RunConfig
from fruit_caption.data.dataset import DataSet, read_data
from fruit_caption.data.qa import CAPTION, Prediction
from fruit_caption.data.records import Split
from fruit_caption.data.splits import group_of
from fruit_caption.evaluation.evaluate import (
    Evaluation,
    evaluate_baselines,
    evaluate_split,
)
from fruit_caption.evaluation.metrics import counts_at_least
from fruit_caption.runs import Run
from fruit_caption.training.trainer import TrainingListener, train
from fruit_caption.utils.errors import FruitError, RunError, WeightsError
from fruit_caption.utils.files import lock_folder, write_json
from fruit_caption.utils.progress import Progress, no_progress

SPLITS: tuple[Split, ...] = ("test", "unseen")
COMPARISON = "comparison.json"
PRETRAINING = "pretraining-{}-{}.weights.h5"
"""Shared state of the decoders' pre-training, by attention and seed; only until all are trained."""


@dataclass(frozen=True)
class Variant:
    """A variant of the model.

    Attributes:
        encoder: The encoder, a name that `models.encoders.build_encoder` takes.
        attention: Whether the decoder attends to the image regions.
    """

    encoder: str
    attention: bool

    @property
    def name(self) -> str:
        """The name in reports, such as "pretrained + attention"; "pretrained" means VGG16.

        With the weights "shipped", it means the encoder of the released model.
        """
        encoder = "pretrained" if self.encoder == "vgg16" else self.encoder
        return f"{encoder} + attention" if self.attention else encoder

    @classmethod
    def named(cls, name: str) -> Variant:
        """Return the variant with a name such as "scratch + attention" or "MobileNetV3Large".

        Raises:
            FruitError: If the name has no encoder, or anything but "attention" after the plus.
        """
        encoder, plus, rest = (part.strip() for part in name.partition("+"))
        if not encoder or (plus and rest != "attention"):
            raise FruitError(
                f'"{name}" is not a variant; give the name of an encoder, alone or followed by '
                '"+ attention": "scratch", "pretrained + attention".'
            )
        return cls("vgg16" if encoder == "pretrained" else encoder, bool(plus))


BLIND = Variant("blind", False)
VARIANTS = tuple(
    Variant(encoder, attention) for encoder in ("vgg16", "scratch") for attention in (True, False)
)
"""The variants that are compared by default."""


def compare(
    config: RunConfig,
    folder: Path,
    variants: Sequence[Variant] = VARIANTS,
    seeds: int = 1,
    listener: TrainingListener | None = None,
    report: Progress = no_progress,
) -> dict[str, Any]:
    """Train the variants that are not trained yet, score all, and write tables and graphs.

    Variants with the same encoder share the encoder and detector of the first of them, seed by
    seed, and variants with or without attention share the pre-training of their decoder. The
    folder gets a run for each variant and seed, `comparison.json`, and the files of
    `report.write_report`. If ImageNet weights can't be downloaded, the encoder of the released
    model takes the place of VGG16, other variants that need them are left out, and the report
    says so.

    Args:
        config: The settings of all runs, except for encoder, attention and seed.
        folder: The folder of the comparison.
        variants: The variants to compare; a blind model is added.
        seeds: The number of runs of each variant, with seeds from `config.training.seed` on.
        listener: Receives the progress of each training.
        report: Receives status messages.

    Returns:
        The content of `comparison.json`.

    Raises:
        FruitError: If another process is writing to the folder.
        RunError: If a run in the folder was trained with other settings or data.
        DataError, PictureError, WeightsError: If the data set, a photo or a weights file can't be
            used.
    """
    data = read_data(Path(config.data))
    config = replace(config, data_digest=data.digest)
    with lock_folder(folder):
        runs, reasons = _train_all(config, folder, variants, seeds, listener, report)
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
            "changed": reasons,
            **_score_all(data, runs, report),
        }
        write_json(folder / COMPARISON, comparison)
        write_report(folder, comparison, data, {v.name: runs[v] for v in runs})
    return comparison


def _train_all(
    config: RunConfig,
    folder: Path,
    variants: Sequence[Variant],
    seeds: int,
    listener: TrainingListener | None,
    report: Progress,
) -> tuple[dict[Variant, list[Run]], dict[str, str]]:
    """The runs of each variant, and what was changed for each encoder without weights."""
    runs: dict[Variant, list[Run]] = {}
    reasons: dict[str, str] = {}
    replacements: dict[str, RunConfig] = {}

    def train_variant(config: RunConfig, variant: Variant) -> list[Run]:
        slug, first = variant.name.replace(" + ", "-"), config.training.seed
        by_seed = {seed: Run(folder / f"{slug}-{seed}") for seed in range(first, first + seeds)}
        same_encoder = [found for found in runs if found.encoder == variant.encoder]
        for seed, run in by_seed.items():
            report(f"training {variant.name}, seed {seed}")
            run_config = _run_config(config, variant, seed)
            detector = runs[same_encoder[0]][seed - first] if same_encoder else None
            if detector and any(row["stage"] == "detector" for row in detector.read_history()):
                # Only the decoder differs, so it reads what the same detector sees.
                run_config = replace(run_config, detector=str(detector.path))
            pretraining = folder / PRETRAINING.format(
                "attention" if variant.attention else "none", seed
            )
            run_config = replace(run_config, pretraining=str(pretraining))
            _train_or_reuse(run_config, run, listener)
        return list(by_seed.values())

    for variant in (BLIND, *variants):
        try:
            runs[variant] = train_variant(replacements.get(variant.encoder, config), variant)
        except WeightsError as error:
            if config.model.encoder_weights != "imagenet":
                raise  # the user chose these weights
            if variant.encoder == "vgg16":
                replacements["vgg16"] = _with_shipped_encoder(config)
                runs[variant] = train_variant(replacements["vgg16"], variant)
                change = "The encoder of the released model takes its place."
            else:
                change = "It is left out."
            reasons[variant.encoder] = f"{error} {change}"
            report(reasons[variant.encoder])
    for file in folder.glob(PRETRAINING.format("*", "*")):
        file.unlink()
    return runs, reasons


def _with_shipped_encoder(config: RunConfig) -> RunConfig:
    return replace(config, model=replace(config.model, encoder_weights=SHIPPED))


def _run_config(config: RunConfig, variant: Variant, seed: int) -> RunConfig:
    encoder = "pretrained" if variant.encoder == "vgg16" else variant.encoder
    model = replace(config.model.with_encoder(encoder), attention=variant.attention)
    training = replace(config.training, seed=seed)
    if variant == BLIND:
        # Its detector sees nothing that it could learn from.
        training = replace(training, epochs=min(1, training.epochs))
    return replace(config, model=model, training=training)


def _train_or_reuse(config: RunConfig, run: Run, listener: TrainingListener | None) -> None:
    """Train a run, resume an interrupted one, or keep a finished one."""
    if not run.is_finished:
        train(config, run, resume=run.is_started, listener=listener)
        return
    differences = run.read_config().differences(config)
    if differences:
        raise RunError(f"{run} was trained with other settings ({differences}).", "run-differs")


def _score_all(
    data: DataSet, runs: dict[Variant, list[Run]], report: Progress
) -> dict[str, dict[str, Any]]:
    """Score baselines and variants.

    Returns:
        A dictionary with these items:
            `results`: For each split and approach, the scores of each seed.
            `differences`: For each split, the differences between variants, with intervals.
            `costs`: For each variant, what its model costs.
    """
    scored: dict[str, dict[str, Any]] = {"results": {}, "differences": {}, "costs": {}}
    for split in SPLITS:
        if not data.splits[split]:
            continue
        report(f"scoring {split}")
        evaluations = {
            variant: [evaluate_split(run, data, split, report) for run in by_seed]
            for variant, by_seed in runs.items()
        }
        baselines = evaluate_baselines(data, split)
        scored["results"][split] = {name: [scores] for name, scores in baselines.items()} | {
            variant.name: [e.scores for e in by_seed] for variant, by_seed in evaluations.items()
        }
        scored["differences"][split] = _differences(evaluations, data, split)
        if not scored["costs"]:
            scored["costs"] = {
                variant.name: _mean_cost(by_seed) for variant, by_seed in evaluations.items()
            }
    return scored


SUBSETS: dict[str, Callable[[Prediction], bool]] = {
    "overall": lambda row: row.qa_pair.kind != CAPTION,
    "counts of 2 or more": lambda row: counts_at_least(row, 2),
}
"""The subsets of the questions on which variants are compared."""


def _differences(
    evaluations: dict[Variant, list[Evaluation]], data: DataSet, split: Split
) -> list[dict[str, Any]]:
    groups = {
        example.name: group_of(example.photo) if example.photo else example.name
        for example in data.splits[split]
    }
    differences = []
    for variant, reference in _pairs([v for v in evaluations if v != BLIND]):
        for subset, contains in SUBSETS.items():
            answers, reference_answers = (
                [[row for row in e.rows if contains(row)] for e in evaluations[v]]
                for v in (variant, reference)
            )
            if answers[0]:
                difference = paired_bootstrap(answers, reference_answers, groups)
                differences.append(
                    {"of": variant.name, "over": reference.name, "subset": subset}
                    | difference.to_json()
                )
    return differences


def _pairs(variants: Sequence[Variant]) -> list[tuple[Variant, Variant]]:
    """Pairs of variants that differ in one property, then each variant and the blind model."""
    pairs = [
        (variant, reference)
        for variant, reference in combinations(variants, 2)
        if variant.encoder == reference.encoder or variant.attention == reference.attention
    ]
    return pairs + [(variant, BLIND) for variant in variants]


def _mean_cost(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """The mean over the seeds of each item of `Evaluation.cost`; None where it is unknown."""
    costs = [evaluation.cost for evaluation in evaluations]
    return {
        name: None if any(cost[name] is None for cost in costs) else mean(c[name] for c in costs)
        for name in costs[0]
    }
