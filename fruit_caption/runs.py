"""Run folders: a trained model with its settings, history, scores and exports.

    model.keras     the model: weights, vocabulary and preprocessing
    config.json     the settings needed to train it again
    history.csv     one row per epoch
    metrics.json    scores on the validation split
    answers.jsonl   every validation question with the true answer and the model's
    test/, unseen/  the same two files for other splits, with plots; cost.json has timings
    onnx/, litert/  exports of the model, see `inference.exported`

During training, the folder also holds the state and the kept weights of each stage, such as
`detector-state.weights.h5` and `detector-kept.weights.h5`.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from fruit_caption.config import RunConfig
from fruit_caption.data.qa import Prediction
from fruit_caption.data.records import Split
from fruit_caption.utils.errors import DataError, FruitError, RunError, first_line
from fruit_caption.utils.files import (
    atomic_write,
    read_json,
    shipped_folder,
    write_json,
    write_text,
)
from fruit_caption.utils.startup import start_keras

if TYPE_CHECKING:
    from fruit_caption.data.dataset import Example
    from fruit_caption.models.captioner import Captioner

Stage = Literal["detector", "decoder"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""The stages of a training, in order."""

HISTORY_TYPES: dict[str, Callable[[str], Any]] = {"stage": str, "epoch": int}
"""Types of the columns of `history.csv` that are not floats."""

ARTIFACTS = Path("artifacts")
"""Folder that holds the runs, relative to the working directory."""

RELEASE = "release"
"""Name of the run that is part of the package."""


@dataclass(frozen=True)
class Results:
    """The files with a run's answers to one split and their scores.

    Attributes:
        folder: Folder of the files.
    """

    folder: Path

    @property
    def metrics_file(self) -> Path:
        """Scores as JSON. The same answers give the same bytes."""
        return self.folder / "metrics.json"

    @property
    def answers_file(self) -> Path:
        """Answers, one JSON object per line."""
        return self.folder / "answers.jsonl"

    @property
    def cost_file(self) -> Path:
        """Size and speed of the model as JSON, measured on the machine that evaluated it."""
        return self.folder / "cost.json"

    def write_answers(self, predictions: Sequence[Prediction]) -> None:
        """Write `answers.jsonl`."""
        lines = [json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in predictions]
        write_text(self.answers_file, "".join(lines))

    def read_answers(self, examples: Sequence[Example]) -> list[Prediction]:
        """Read `answers.jsonl`.

        Args:
            examples: The photos and questions that were answered, in the same order.

        Returns:
            One prediction for each question.

        Raises:
            DataError: The file is missing or broken, or holds answers to other questions.
        """
        path = self.answers_file
        expected = [(example.name, pair) for example in examples for pair in example.qa_pairs]
        try:
            rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            predictions = [
                Prediction(name, pair, str(row["answer"]), float(row["confidence"]))
                for (name, pair), row in zip(expected, rows, strict=True)
                if (row["photo"], row["question"]) == (name, pair.question)
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} can't be read: {error}.") from None
        if len(predictions) < len(expected):
            raise DataError(f"{path} holds answers to other questions.")
        return predictions


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def named(cls, name: str) -> Run:
        """Return the run with a name or path.

        Args:
            name: Name of a folder in `artifacts/`, or a path that begins with `artifacts/`, `/`,
                `./` or `../`. Where `artifacts/` has no folder "release", that name means the run
                that is part of the package.
        """
        is_path = name.startswith((f"{ARTIFACTS}/", "/", "./", "../")) or Path(name).is_absolute()
        run = cls(Path(name) if is_path else ARTIFACTS / name)
        return cls.released() if name == RELEASE and not run.path.is_dir() else run

    @classmethod
    def released(cls) -> Run:
        """Return the run that is part of the package; used when no other is named."""
        return cls(shipped_folder(RELEASE))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def model_file(self) -> Path:
        """The trained model."""
        return self.path / "model.keras"

    @property
    def config_file(self) -> Path:
        """The settings, as JSON."""
        return self.path / "config.json"

    @property
    def history_file(self) -> Path:
        """Training history, one row per epoch."""
        return self.path / "history.csv"

    def state_file(self, stage: Stage) -> Path:
        """Weights and optimizer state after the last epoch of a stage; only during training."""
        return self.path / f"{stage}-state.weights.h5"

    def kept_file(self, stage: Stage) -> Path:
        """Weights that are kept of a stage, see `StagePlan.kept_epoch`; only during training."""
        return self.path / f"{stage}-kept.weights.h5"

    @property
    def pretraining_file(self) -> Path:
        """State of the decoder's pre-training; only during training."""
        return self.path / "pretraining-state.weights.h5"

    @property
    def is_started(self) -> bool:
        """Whether training has started."""
        return self.config_file.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether training has finished and saved a model."""
        return self.model_file.is_file()

    @property
    def validation(self) -> Results:
        """Answers to the validation split at the end of training."""
        return Results(self.path)

    def results(self, split: Split) -> Results:
        """Return the answers to a split that `fruit evaluate` writes."""
        return Results(self.path / split)

    def export_folder(self, format: str) -> Path:
        """Return the folder of the export in a format, "onnx" or "litert"."""
        return self.path / format

    def read_config(self) -> RunConfig:
        """Read the settings that the run was trained with.

        Raises:
            RunError: There is no such run, or its settings are not valid.
            DataError: The file can't be read.
        """
        if not self.is_started:
            raise RunError(f"{self} is not a run: it has no config.json.", "run-missing")
        try:
            return RunConfig.from_json(read_json(self.config_file))
        except DataError:
            raise
        except FruitError as error:
            raise RunError(f"{self.config_file}: {error}") from None

    def write_config(self, config: RunConfig) -> None:
        """Write `config.json`."""
        write_json(self.config_file, config.to_json())

    def load_model(self) -> Captioner:
        """Load the trained model.

        Raises:
            RunError: There is no such run, it is not finished, or its model can't be loaded.
        """
        if not self.is_finished:
            if self.history_file.is_file():
                raise RunError(f"{self} is not fully trained yet.", "run-interrupted")
            raise RunError(f"{self} is not a run: it has no model.keras.", "run-missing")
        start_keras()
        import keras

        from fruit_caption.models.captioner import Captioner

        try:
            with warnings.catch_warnings():
                # Keras only warns about archive members with paths outside the archive.
                warnings.filterwarnings("error", message="Skipping invalid path")
                model = keras.saving.load_model(self.model_file, compile=False, safe_mode=True)
        # A file of unknown origin can hold anything, and Keras raises many kinds of errors.
        except Exception as error:
            reason = first_line(error, 120) or type(error).__name__
            raise RunError(f"{self.model_file} can't be loaded: {reason}") from error
        if not isinstance(model, Captioner):
            raise RunError(f"{self.model_file} is not a fruit model.")
        return model

    def save_model(self, model: Captioner) -> None:
        """Write `model.keras` and remove the files that are needed only during training."""
        with atomic_write(self.model_file) as draft:
            model.save(draft)
        self.pretraining_file.unlink(missing_ok=True)
        for stage in STAGES:
            self.state_file(stage).unlink(missing_ok=True)
            self.kept_file(stage).unlink(missing_ok=True)

    def read_history(self) -> list[dict[str, Any]]:
        """Read `history.csv`.

        Returns:
            The rows; an empty list if there is no file.

        Raises:
            DataError: The file can't be read.
        """
        path = self.history_file
        if not path.is_file():
            return []
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return [
                    {name: HISTORY_TYPES.get(name, float)(text) for name, text in row.items()}
                    for row in csv.DictReader(file)
                ]
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise DataError(f"{path} can't be read: {error}.") from None

    def write_history(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write `history.csv`; there must be at least one row."""
        with atomic_write(self.history_file) as draft, draft.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
