"""Compares the answers of a model's exports with those of the Keras model.

    python benchmarks/exports.py RUN DATA

The Keras model of RUN and its exports answer the test questions of DATA. Writes
benchmarks/exports.md.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fruit_caption.data.dataset import Example, read_data
from fruit_caption.data.features import load_pixels
from fruit_caption.data.qa import Prediction
from fruit_caption.evaluation.metrics import score
from fruit_caption.inference import exported
from fruit_caption.inference.export import export
from fruit_caption.inference.exported import Format
from fruit_caption.models.decoding import Runtime, decode
from fruit_caption.runs import Run
from fruit_caption.utils import markdown
from fruit_caption.utils.files import write_text

TABLE = Path(__file__).with_suffix(".md")
EXPORTS: tuple[tuple[Format, int], ...] = (("onnx", 32), ("onnx", 16), ("litert", 32))
"""Format and bits per weight of each export."""
COLUMNS = (
    "model",
    "MB",
    "exact, %",
    "count, %",
    "count of 2 or more, %",
    "answers unlike Keras",
    "maximum difference in confidence",
    "ms per answer",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="name or path of a run")
    parser.add_argument("data", type=Path, help="data set")
    args = parser.parse_args()
    run = Run.named(args.run)
    examples = read_data(args.data).splits["test"]
    reference, seconds = _predict(run.load_model(), examples)
    rows = [_row("Keras", run.model_file.stat().st_size, reference, reference, seconds)]
    for form, bits in EXPORTS:
        with tempfile.TemporaryDirectory() as folder:
            copy = Run(Path(folder))
            for file in (run.model_file, run.config_file):
                shutil.copy(file, copy.path)
            size = sum(file.stat().st_size for file in export(copy, form, bits).iterdir())
            model = exported.current(copy)
            assert model
            predictions, seconds = _predict(model, examples)
        rows.append(_row(f"{form}, {bits} bits", size, predictions, reference, seconds))
        print(rows[-1], flush=True)
    write_text(TABLE, markdown.table(COLUMNS, rows))


def _predict(model: Runtime, examples: Sequence[Example]) -> tuple[list[Prediction], float]:
    """Answer all questions, photo by photo; also return the seconds per answer."""
    encode, rows, start = model.encoder_fn(), [], time.perf_counter()
    for example in examples:
        encoding = encode(load_pixels([example.path], model.image_size))
        (answers,) = decode(model, encoding, [[pair.question for pair in example.qa_pairs]])
        rows += [
            Prediction(example.name, pair, answer.text, answer.confidence)
            for pair, answer in zip(example.qa_pairs, answers, strict=True)
        ]
    return rows, (time.perf_counter() - start) / len(rows)


def _row(
    name: str,
    size: int,
    predictions: Sequence[Prediction],
    reference: Sequence[Prediction],
    seconds: float,
) -> list[str]:
    """Return the cells of a row, from the size in bytes and the seconds per answer."""
    scores = score(predictions)
    shares = (scores["exact"], scores["kinds"]["count"]["exact"], scores["several"]["exact"])
    pairs = [*zip(predictions, reference, strict=True)]
    return [
        name,
        f"{size / 1e6:.1f}",
        *(f"{100 * share:.1f}" for share in shares),
        f"{sum(own.answer != other.answer for own, other in pairs)} of {len(pairs)}",
        f"{np.max([abs(own.confidence - other.confidence) for own, other in pairs]):.1e}",
        f"{1e3 * seconds:.0f}",
    ]


if __name__ == "__main__":
    main()
