"""A run is a folder: a trained model, complete in itself, and how it came about.

    model.keras     weights, vocabulary, preprocessing
    config.json     all that is needed to make it again
    history.csv     one row an epoch
    metrics.json    scores on the validation split
    answers.jsonl   every validation question with truth and answer
    onnx/, litert/  the model exported, see `exported`

While a run is being trained it also holds `state.weights.h5` and `best.weights.h5`.
"""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fruit_caption.config import RunConfig
from fruit_caption.evaluation.metrics import Row
from fruit_caption.utils.errors import DataError, FruitError, RunError
from fruit_caption.utils.files import read_json, shipped, whole_file, write_text
from fruit_caption.utils.startup import start_keras

if TYPE_CHECKING:
    from fruit_caption.data.dataset import Example
    from fruit_caption.models.captioner import Captioner

ARTIFACTS = Path("artifacts")
MODEL, CONFIG, HISTORY = "model.keras", "config.json", "history.csv"
METRICS, ANSWERS = "metrics.json", "answers.jsonl"
STATE, BEST = "state.weights.h5", "best.weights.h5"


def run_folder(name: str) -> Path:
    """The folder of a run: a name in `artifacts/`, or a path that starts as paths do."""
    is_path = name.startswith((f"{ARTIFACTS}/", "/", "./", "../")) or Path(name).is_absolute()
    return Path(name) if is_path else ARTIFACTS / name


def released() -> Path:
    """The run that ships: what is asked when no other is named."""
    return shipped("release")


def read_config(folder: Path) -> RunConfig:
    """The settings that a run was made with.

    Raises:
        RunError: there is no such run, or its settings are none.
        DataError: the file of its settings can't be read.
    """
    if not (folder / CONFIG).is_file():
        raise RunError(f"{folder} is no run: it holds no {CONFIG}. `fruit train` makes one.")
    try:
        return RunConfig.from_json(read_json(folder / CONFIG))
    except DataError:
        raise
    except FruitError as error:
        raise RunError(f"{folder / CONFIG}: {error}") from None


def load_run(folder: Path) -> Captioner:
    """Load the model of a run.

    Raises:
        RunError: there is no finished run, or its model can't be read.
    """
    path = folder / MODEL
    if not path.is_file():
        unfinished = (folder / STATE).is_file()
        raise RunError(
            f"{folder} is not trained to its end; go on with `fruit train --resume`."
            if unfinished
            else f"{folder} is no run: it holds no {MODEL}. `fruit train --run NAME` makes one."
        )
    start_keras()
    import keras

    from fruit_caption.models.captioner import Captioner

    try:
        with warnings.catch_warnings():
            # Keras would go on without what a file tries to write elsewhere.
            warnings.filterwarnings("error", message="Skipping invalid path")
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # A file of a stranger's may hold anything, and Keras fails in as many ways.
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise RunError(f"{path} can't be loaded: {reason}") from error
    if not isinstance(model, Captioner):
        raise RunError(f"{path} holds another model than `fruit train` makes.")
    return model


def write_history(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write `history.csv`, whole or not at all; one row or more."""
    with whole_file(folder / HISTORY) as draft, draft.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_history(folder: Path) -> list[dict[str, Any]]:
    """The rows of `history.csv`; none where there is no such file.

    Raises:
        DataError: it can't be read.
    """
    path = folder / HISTORY
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [
                {name: int(text) if name == "epoch" else float(text) for name, text in row.items()}
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise DataError(f"{path} can't be read: {error}.") from None


def write_answers(path: Path, rows: Sequence[Row]) -> None:
    """Write answers as JSON, one a line."""
    write_text(path, "".join(json.dumps(row.to_json(), ensure_ascii=False) + "\n" for row in rows))


def read_answers(path: Path, examples: Sequence[Example]) -> list[Row]:
    """Read what `write_answers` wrote, for the same examples.

    Raises:
        DataError: it is missing, broken, or holds answers to other questions.
    """
    asked = [(example.name, item) for example in examples for item in example.items]
    try:
        given = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        rows = [
            Row(name, item, str(row["answer"]), float(row["confidence"]))
            for (name, item), row in zip(asked, given, strict=True)
            if (row["photo"], row["question"]) == (name, item.question)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} can't be read: {error}.") from None
    if len(rows) < len(asked):
        raise DataError(f"{path} holds answers to other questions.")
    return rows
